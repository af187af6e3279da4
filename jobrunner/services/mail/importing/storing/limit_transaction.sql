-- Compiling a plan takes longer than any of these statements; what they cost is estimated too high. And a daemon that is
-- frozen amid an import does not keep the folder from others for long.
SELECT set_config('jit', 'off', true), set_config('idle_in_transaction_session_timeout', '60s', true)
