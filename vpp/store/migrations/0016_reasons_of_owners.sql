-- An owner reads why the own assets do what they do, and nothing of others.

ALTER TABLE vpp.reason ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vpp.reason FOR SELECT USING (
    EXISTS (SELECT FROM vpp.schedule s WHERE s.run_id = reason.run_id AND s.asset_id = reason.asset_id)
);
