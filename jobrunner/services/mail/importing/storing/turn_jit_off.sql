-- Compiling a plan takes longer than any of these statements; what they cost is estimated too high.
SET LOCAL jit = off
