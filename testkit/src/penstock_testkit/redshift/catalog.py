"""System tables, views and functions of Redshift, defined in PostgreSQL's `pg_catalog`.

Source: the pages of STL_LOAD_ERRORS, STL_LOAD_COMMITS, SYS_LOAD_ERROR_DETAIL, SYS_LOAD_HISTORY, SVV_TABLE_INFO,
SVV_TABLES, SVV_COLUMNS and PG_TABLE_DEF in the Amazon Redshift Database Developer Guide. As there, texts of STL tables
are padded with blanks and users see only their own rows unless they are superusers. Columns whose facts PostgreSQL
does not have (skew, encoding, slices) hold constants.
"""

from penstock_testkit.redshift.history import HISTORY

# Lengths of varchar count bytes, and CHAR takes bytes below 128 alone ("Character types"). PostgreSQL coerces to
# varchar(n) and char(n) by the functions of these casts, so others change INSERT, UPDATE and casts alike; their second
# argument carries a header of 4 bytes.
_BYTE_LENGTHS = """
CREATE FUNCTION pg_catalog.penstock_varchar(varchar, integer, boolean) RETURNS varchar
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
  room integer := $2 - 4;
  cut varchar;
BEGIN
  IF room < 0 OR octet_length($1) <= room THEN RETURN $1; END IF;
  cut := left($1, room);
  WHILE octet_length(cut) > room LOOP cut := left(cut, -1); END LOOP;
  IF NOT $3 AND rtrim(substr($1, length(cut) + 1), ' ') <> '' THEN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type character varying(%s)', room);
  END IF;
  RETURN cut;
END $body$;
UPDATE pg_cast SET castfunc = 'pg_catalog.penstock_varchar'::regproc
WHERE castsource = 'varchar'::regtype AND casttarget = 'varchar'::regtype;
CREATE FUNCTION pg_catalog.penstock_char(bpchar, integer, boolean) RETURNS bpchar
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
  IF octet_length($1::text) <> char_length($1::text) THEN
    RAISE EXCEPTION USING ERRCODE = '22021', MESSAGE = 'CHAR string contains invalid ASCII character';
  END IF;
  IF octet_length($1) <= $2 - 4 THEN RETURN rpad($1::text, $2 - 4); END IF;
  IF NOT $3 AND rtrim(substr($1, $2 - 3), ' ') <> '' THEN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type character(%s)', $2 - 4);
  END IF;
  RETURN left($1::text, $2 - 4);
END $body$;
UPDATE pg_cast SET castfunc = 'pg_catalog.penstock_char'::regproc
WHERE castsource = 'bpchar'::regtype AND casttarget = 'bpchar'::regtype;
"""

_FUNCTIONS = """
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.120000'::text $$;
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS
$$ SELECT date_trunc('second', statement_timestamp())::timestamp $$;
CREATE FUNCTION pg_catalog.concat(text, text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION pg_catalog.len(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT length(rtrim($1)) $$;
CREATE FUNCTION pg_catalog.trunc(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::date $$;
CREATE FUNCTION pg_catalog.add_months(timestamp, integer) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT $1 + make_interval(months => $2) $$;
CREATE FUNCTION pg_catalog.last_day(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT (date_trunc('month', $1) + interval '1 month - 1 day')::date $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS
$$ SELECT $2 AT TIME ZONE 'UTC' AT TIME ZONE $1 $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS
$$ SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2 $$;
CREATE FUNCTION pg_catalog.json_parse(text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::jsonb $$;
CREATE FUNCTION pg_catalog.json_serialize(jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::text $$;
CREATE FUNCTION pg_catalog.json_extract_path_text(text, VARIADIC text[]) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT pg_catalog.json_extract_path_text($1::json, VARIADIC $2) $$;
CREATE FUNCTION pg_catalog.is_valid_json(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT pg_input_is_valid($1, 'json') $$;
CREATE FUNCTION pg_catalog.from_hex(text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT decode($1, 'hex') $$;
CREATE FUNCTION pg_catalog.to_varbyte(text, text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE lower($2) WHEN 'hex' THEN decode(CASE length($1) % 2 WHEN 1 THEN '0' ELSE '' END || $1, 'hex')
   ELSE convert_to($1, 'UTF8') END $$;
CREATE FUNCTION pg_catalog.to_hex(bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT encode($1, 'hex') $$;
CREATE FUNCTION pg_catalog.strtol(text, integer) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE found bigint := 0; digit text;
BEGIN
  FOREACH digit IN ARRAY string_to_array(upper($1), NULL) LOOP
    found := found * $2 + strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', digit) - 1;
  END LOOP;
  RETURN found;
END $$;
CREATE FUNCTION pg_catalog.penstock_median(double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS
$$ SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM unnest($1) AS t (n) $$;
CREATE AGGREGATE pg_catalog.median(double precision) (
  SFUNC = array_append, STYPE = double precision[], FINALFUNC = pg_catalog.penstock_median
);
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('penstock_redshift.last_copy_id', true), '')::integer, -1) $$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('penstock_redshift.last_copy_count', true), '')::bigint, 0) $$;
CREATE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('penstock_redshift.last_unload_count', true), '')::bigint, 0) $$;
CREATE FUNCTION pg_catalog.penstock_row_count(oid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE found bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %s', $1::regclass) INTO found;
  RETURN found;
END $$;
"""

# Redshift has no function that waits; a cluster's owner can make one in Python ("User-defined functions in Python").
_OWNERS_FUNCTIONS = """
CREATE FUNCTION public.f_sleep(double precision) RETURNS boolean LANGUAGE plpgsql VOLATILE AS
$$ BEGIN PERFORM pg_sleep($1); RETURN true; END $$;
"""

_TABLES = """
CREATE SEQUENCE pg_catalog.penstock_query_id MINVALUE 100 MAXVALUE 2147483647;
CREATE TABLE pg_catalog.penstock_load_error (
  userid integer, query integer, xid bigint, session integer, tbl integer, starttime timestamp, filename text,
  line_number bigint, colname text, type text, col_length text, position integer, raw_line text, raw_field_value text,
  err_code integer, err_reason text
);
CREATE TABLE pg_catalog.penstock_load (
  userid integer, query integer, xid bigint, session integer, table_name text, starttime timestamp, endtime timestamp,
  data_source text, loaded_rows bigint, loaded_bytes bigint, files integer, errors integer, file_format text
);
"""

_MINE = (
    "(userid = (SELECT usesysid FROM pg_user WHERE usename = current_user)"
    " OR (SELECT usesuper FROM pg_user WHERE usename = current_user))"
)

_VIEWS = """
CREATE VIEW pg_catalog.stl_load_errors AS SELECT userid, 0 AS slice, tbl, starttime, session, query,
  rpad(filename, 256) AS filename, line_number, rpad(colname, 127) AS colname, type::char(10) AS type,
  col_length::char(10) AS col_length, position, rpad(raw_line, 1024) AS raw_line,
  rpad(raw_field_value, 1024) AS raw_field_value, err_code, rpad(err_reason, 100) AS err_reason,
  0 AS is_partial, 0::bigint AS start_offset, 0::bigint AS copy_job_id
  FROM pg_catalog.penstock_load_error WHERE MINE;
CREATE VIEW pg_catalog.sys_load_error_detail AS SELECT userid AS user_id, query::bigint AS query_id,
  xid AS transaction_id, session AS session_id, current_database()::text AS database_name, tbl AS table_id,
  starttime AS start_time, filename AS file_name, line_number, colname AS column_name, type AS column_type,
  col_length AS column_length, position, err_code AS error_code, err_reason AS error_message
  FROM pg_catalog.penstock_load_error WHERE MINE;
CREATE VIEW pg_catalog.sys_load_history AS SELECT userid AS user_id, query::bigint AS query_id, xid AS transaction_id,
  session AS session_id, current_database()::text AS database_name, 'completed'::text AS status, table_name,
  starttime AS start_time, endtime AS end_time, (extract(epoch FROM endtime - starttime) * 1000000)::bigint AS duration,
  data_source, file_format, loaded_rows, loaded_bytes, files::bigint AS source_file_count,
  loaded_bytes AS source_file_bytes, files::bigint AS file_count_scanned, loaded_bytes AS file_bytes_scanned,
  errors::bigint AS error_count, 0::bigint AS copy_job_id
  FROM pg_catalog.penstock_load WHERE MINE;
CREATE VIEW pg_catalog.stl_load_commits AS SELECT userid, query, 0 AS slice, rpad(data_source, 256) AS filename,
  loaded_rows AS lines_scanned, errors, endtime AS curtime, 1 AS status
  FROM pg_catalog.penstock_load WHERE MINE;
CREATE VIEW pg_catalog.svv_table_info AS SELECT * FROM (
  SELECT current_database()::text AS "database", n.nspname::text AS "schema", c.oid AS table_id,
  c.relname::text AS "table", 'Y, AUTO(ENCODE)'::text AS encoded, 'AUTO(ALL)'::text AS diststyle,
  'AUTO(SORTKEY)'::text AS sortkey1, NULL::integer AS max_varchar, NULL::text AS sortkey1_enc, 0 AS sortkey_num,
  greatest(pg_table_size(c.oid) / 1048576, 1) AS size, 0::numeric AS pct_used, 0::bigint AS empty,
  0::numeric AS unsorted, 0::numeric AS stats_off, pg_catalog.penstock_row_count(c.oid)::numeric AS tbl_rows,
  NULL::numeric AS skew_sortkey1, NULL::numeric AS skew_rows,
  pg_catalog.penstock_row_count(c.oid)::numeric AS estimated_visible_rows, NULL::text AS risk_event
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  ) t WHERE tbl_rows > 0;
CREATE VIEW pg_catalog.svv_tables AS SELECT table_catalog, table_schema, table_name, table_type, NULL::text AS remarks
  FROM information_schema.tables;
CREATE VIEW pg_catalog.svv_columns AS SELECT table_catalog, table_schema, table_name, column_name, ordinal_position,
  CASE identity_generation WHEN 'ALWAYS' THEN '"identity"(0, 0, ' || quote_literal(identity_start || ',' ||
  identity_increment) || '::text)' WHEN 'BY DEFAULT' THEN 'default_identity(0, 0, ' || quote_literal(identity_start ||
  ',' || identity_increment) || '::text)' ELSE column_default END AS column_default,
  is_nullable, CASE data_type WHEN 'jsonb' THEN 'super' WHEN 'bytea' THEN 'binary varying'
  ELSE data_type END AS data_type, character_maximum_length, numeric_precision, numeric_precision_radix, numeric_scale,
  datetime_precision, interval_type, interval_precision, NULL::text AS remarks FROM information_schema.columns;
CREATE VIEW pg_catalog.svv_relation_privileges AS SELECT n.nspname::text AS namespace_name,
  c.relname::text AS relation_name, p.privilege_type::text, p.grantee::integer AS identity_id,
  coalesce(r.rolname, 'public')::text AS identity_name,
  CASE WHEN p.grantee = 0 THEN 'public' WHEN r.rolcanlogin THEN 'user' ELSE 'group' END AS identity_type,
  p.is_grantable AS admin_option
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) AS p
  LEFT JOIN pg_roles r ON r.oid = p.grantee
  WHERE c.relkind IN ('r', 'v') AND p.privilege_type IN ('INSERT', 'SELECT', 'UPDATE', 'DELETE', 'REFERENCES')
  AND (p.grantee = 0 OR pg_has_role(p.grantee, 'MEMBER'));
CREATE VIEW pg_catalog.pg_table_def AS SELECT n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column",
  replace(format_type(a.atttypid, a.atttypmod), 'jsonb', 'super') AS type, 'none'::text AS encoding,
  false AS distkey, 0 AS sortkey, a.attnotnull AS notnull
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (current_schemas(true));
""".replace("MINE", _MINE)

_GRANTS = """
GRANT SELECT ON ALL TABLES IN SCHEMA pg_catalog TO PUBLIC;
GRANT USAGE ON SEQUENCE pg_catalog.penstock_query_id TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
"""

DEFINITIONS = (
    "SET allow_system_table_mods = on;"
    + _BYTE_LENGTHS
    + _FUNCTIONS
    + _OWNERS_FUNCTIONS
    + _TABLES
    + _VIEWS
    + HISTORY
    + _GRANTS
)
"""The script that makes an empty PostgreSQL database look like one of Redshift; it needs a superuser."""

COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.atttypmod, a.attnotnull, a.attidentity <> '', c.oid,
       coalesce(a.atthasdef, false)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
"""A table's columns in order: name, type, type modifier, required, identity, the table's oid, has a default."""
