-- Roles of the server: what the platform's own logins may, and those that only read. Roles and grants: vpp.store.roles.
-- Policies name no role, so that a dump can be restored where the roles are not there yet.

CREATE FUNCTION vpp.acts_as(role name) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(pg_has_role(current_user, (SELECT oid FROM pg_roles WHERE rolname = role), 'USAGE'), false)
$$;
COMMENT ON FUNCTION vpp.acts_as IS 'Has this session the rights of a role? No, where the role is not there.';

CREATE OR REPLACE FUNCTION vpp.owner_key() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM vpp.owner_login WHERE login = session_user)
        THEN (SELECT owner_key FROM vpp.owner_login WHERE login = session_user)
        WHEN pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = 'vpp.asset'::regclass), 'MEMBER')
        OR coalesce(pg_has_role(session_user, (SELECT oid FROM pg_roles WHERE rolname = 'vpp_app'), 'MEMBER'), false)
        THEN nullif(current_setting('vpp.owner', true), '')::integer
    END
$$;
COMMENT ON FUNCTION vpp.owner_key IS
    'Whose data this session may see. The setting vpp.owner counts only for the platform''s own logins; NULL: nobody''s.';
