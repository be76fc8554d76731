"""Tables of queries that ran, as the stand-in's users see them; they hold what a test puts there.

Source: the pages of SYS_QUERY_HISTORY, SYS_QUERY_DETAIL, STL_QUERY, STL_WLM_QUERY and SVL_QUERY_SUMMARY in the Amazon Redshift Database
Developer Guide, each with its columns in their order. Times are microseconds, spilled blocks 1 MB each, `workmem` bytes.
"""

_MINE = (
    "(user_id = (SELECT usesysid FROM pg_user WHERE usename = current_user)"
    " OR (SELECT usesuper FROM pg_user WHERE usename = current_user))"
)

HISTORY = """
CREATE TABLE pg_catalog.penstock_query (
  user_id integer DEFAULT 1, query_id bigint, query_label text DEFAULT 'default', status text DEFAULT 'success',
  query_type text DEFAULT 'SELECT', start_time timestamp DEFAULT timezone('UTC', now()), elapsed_time bigint DEFAULT 0,
  queue_time bigint DEFAULT 0, execution_time bigint DEFAULT 0, query_text text DEFAULT '',
  queue text DEFAULT 'Default queue', spilled bigint DEFAULT 0, workmem bigint DEFAULT 0
);
CREATE VIEW pg_catalog.sys_query_history AS SELECT user_id, query_id, query_label::char(320) AS query_label,
  query_id AS transaction_id, 0 AS session_id, current_database()::char(128) AS database_name,
  query_type::char(32) AS query_type, status::char(10) AS status, false AS result_cache_hit, start_time,
  start_time + elapsed_time * interval '1 microsecond' AS end_time, elapsed_time, queue_time, execution_time,
  ''::char(512) AS error_message, 0::bigint AS returned_rows, 0::bigint AS returned_bytes,
  query_text::char(4000) AS query_text, ''::char(256) AS redshift_version, ''::char(150) AS usage_limit,
  'primary'::varchar(32) AS compute_type, 0::bigint AS compile_time, 0::bigint AS planning_time,
  0::bigint AS lock_wait_time, 100 AS service_class_id, queue::char(64) AS service_class_name,
  'normal'::char(20) AS query_priority, 'false'::char(10) AS short_query_accelerated, ''::char(40) AS user_query_hash,
  ''::char(40) AS generic_query_hash, 1 AS query_hash_version, 0 AS result_cache_query_id,
  pg_get_userbyid(user_id)::char(128) AS username
  FROM pg_catalog.penstock_query WHERE MINE;
CREATE VIEW pg_catalog.sys_query_detail AS SELECT user_id, query_id, 1 AS child_query_sequence, 0 AS stream_id,
  0 AS segment_id, 0 AS step_id, 'scan'::text AS step_name, 0 AS table_id, ''::char(136) AS table_name,
  'f'::char(1) AS is_rrscan, start_time, start_time + elapsed_time * interval '1 microsecond' AS end_time,
  elapsed_time AS duration, ''::char(256) AS alert, 0::bigint AS input_bytes, 0::bigint AS input_rows,
  0::bigint AS output_bytes, 0::bigint AS output_rows, 0::bigint AS blocks_read, 0::bigint AS blocks_write,
  0::bigint AS local_read_io, 0::bigint AS remote_read_io, ''::text AS source, 0 AS data_skewness, 0 AS time_skewness,
  'f'::char(1) AS is_active, spilled AS spilled_block_local_disk, 0::bigint AS spilled_block_remote_disk
  FROM pg_catalog.penstock_query WHERE MINE;
CREATE VIEW pg_catalog.stl_query AS SELECT user_id AS userid, query_id::integer AS query,
  query_label::char(320) AS label, query_id AS xid, 0 AS pid, current_database()::char(32) AS "database",
  query_text::char(4000) AS querytxt, start_time AS starttime,
  start_time + elapsed_time * interval '1 microsecond' AS endtime,
  CASE status WHEN 'success' THEN 0 ELSE 1 END AS aborted, 0 AS insert_pristine, 0 AS concurrency_scaling_status
  FROM pg_catalog.penstock_query WHERE MINE;
CREATE VIEW pg_catalog.stl_wlm_query AS SELECT user_id AS userid, query_id::integer AS xid, query_id::integer AS task,
  query_id::integer AS query, 100 AS service_class, 1 AS slot_count, start_time AS service_class_start_time,
  start_time AS queue_start_time, start_time + queue_time * interval '1 microsecond' AS queue_end_time,
  queue_time AS total_queue_time, start_time + queue_time * interval '1 microsecond' AS exec_start_time,
  start_time + elapsed_time * interval '1 microsecond' AS exec_end_time, execution_time AS total_exec_time,
  start_time + elapsed_time * interval '1 microsecond' AS service_class_end_time, 'Completed'::char(16) AS final_state,
  0::bigint AS est_peak_mem, 'normal'::char(20) AS query_priority, queue::char(64) AS service_class_name
  FROM pg_catalog.penstock_query WHERE MINE;
CREATE VIEW pg_catalog.svl_query_summary AS SELECT user_id AS userid, query_id::integer AS query, 0 AS stm, 0 AS seg,
  0 AS step, elapsed_time AS maxtime, elapsed_time AS avgtime, 0::bigint AS rows, 0::bigint AS bytes,
  0::double precision AS rate_row, 0::double precision AS rate_byte, 'scan'::text AS label,
  CASE WHEN spilled > 0 THEN 't' ELSE 'f' END::char(1) AS is_diskbased, workmem, 'f'::char(1) AS is_rrscan,
  'f'::char(1) AS is_delayed_scan, 0::bigint AS rows_pre_filter
  FROM pg_catalog.penstock_query WHERE MINE;
""".replace("MINE", _MINE)
"""The statements that make these tables; they need a superuser."""
