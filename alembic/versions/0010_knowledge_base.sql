-- Articles of the knowledge base, and what the clean-up keeps of itself.
SELECT 1;
