-- Whose key it is: what is done with it, that person does. NULL: nobody's; it acts as itself.
ALTER TABLE api_keys ADD COLUMN user_id uuid REFERENCES users (user_id) ON DELETE CASCADE;
