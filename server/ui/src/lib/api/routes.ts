/** Written by tools/ui_routes.py from the operations of the service: do not change it here. */

export type AlertEvent = "import_broken" | "import_mended" | "missed_deadline" | "missed_start" | "run_failed" | "run_recovered" | "run_slow" | "run_succeeded" | "task_failed" | "task_missed_deadline" | "task_recovered" | "task_retried" | "task_skipped" | "task_slow" | "task_started" | "task_succeeded" | "unwell" | "well";

export interface AlertRule {
  on: (AlertEvent)[];
  to?: (string)[];
  after_s?: number | null;
  callback?: string;
  functions?: (string)[];
}

export interface Asked {
  number: number;
}

export interface AssetCondition {
  asset?: string;
  join?: "all" | "any";
  parts?: (AssetCondition)[];
}

export interface AssetDetails {
  summary: AssetSummary;
  waits: (DagWait)[];
  watchers: (WatcherSummary)[];
}

export interface AssetEvent {
  asset: string;
  extra: Record<string, unknown>;
  key: string | null;
  dag_id: string;
  run_id: string;
  run: number;
  task_id: string;
  map_index: number;
  alias: string;
  resolved: string;
  number: number;
  at: string;
  duplicates: number;
}

export interface AssetSpec {
  uri: string;
  name: string;
  group?: string;
  extra?: Record<string, unknown>;
  watchers?: (FileWatch)[];
}

export interface AssetSummary {
  asset: AssetSpec;
  producers: (string)[];
  readers: (string)[];
  consumers: (string)[];
  last: AssetEvent | null;
  watched: (string)[];
}

export type AuditAction = "add" | "backfill" | "cancel" | "clear" | "database" | "delete" | "disable" | "drain" | "enable" | "grant" | "login" | "login_failed" | "logout" | "mark" | "password" | "pause" | "prune" | "report" | "revoke" | "set" | "settle" | "state" | "trigger" | "unpause";

export interface AuditEntry {
  at: string;
  action: AuditAction;
  dag_id: string;
  run_id: string;
  subject: string;
  person: string;
  why: string;
  source: string;
  before: string;
  after: string;
  number: number;
}

export interface Backfill {
  number: number;
  spec: BackfillSpec;
  state: BackfillState;
  created_at: string;
  done: number;
  cursor: string | null;
  ended_at: string | null;
  reason: string;
}

export type BackfillAction = "rerun" | "run" | "skip" | "wait";

export interface BackfillDate {
  item: BackfillItem;
  state: RunState | null;
}

export interface BackfillItem {
  backfill: number;
  ordinal: number;
  logical_date: string;
  action: BackfillAction;
  run_id: string;
  reason: string;
}

export interface BackfillPlan {
  spec: BackfillSpec;
  version: string;
  dates: (PlannedDate)[];
  note: string;
  hash: string;
}

export interface BackfillProgress {
  backfill: Backfill;
  dates: Record<string, number>;
  waits: string;
}

export interface BackfillSpec {
  dag_id: string;
  schedule: Schedule;
  since: string;
  until: string;
  total: number;
  anchor?: string | null;
  backwards?: boolean;
  max_active_runs?: number;
  rerun?: Rerun;
  tasks?: (string)[];
  conf?: Record<string, unknown>;
}

export type BackfillState = "cancelled" | "cancelling" | "finished" | "paused" | "running";

export interface CalendarDay {
  day: string;
  runs: Record<string, number>;
}

export type Capability = [string, string, string, string, string, (Parameter)[], string, string, string, string, string, boolean, boolean];

export interface Clear {
  run: Run;
  tasks: (string)[];
  version: string;
  note: string;
  wanted: ClearTasks;
  keeping: (string)[];
}

export interface ClearReport {
  clears: (Clear)[];
  notes: (string)[];
  asked: Asked | null;
}

export interface ClearTasks {
  type: "clear_tasks";
  run: number;
  tasks: (string)[];
  downstream: boolean;
  only_failed: boolean;
  map_index: number | null;
  version: string;
  keep_steps: boolean;
}

export type Code = "newest" | "same";

export interface Connection {
  conn_id: string;
  conn_type: string;
  host?: string;
  port?: number | null;
  login?: string;
  password?: string;
  schema?: string;
  extra?: Record<string, unknown>;
  description?: string;
}

export interface ConnectionField {
  name: string;
  type: string;
  doc: string;
  required: boolean;
  secret: boolean;
  default: unknown;
}

export interface ConnectionKind {
  type: string;
  doc: string;
  provider: string;
  fields: (ConnectionField)[];
  tested: boolean;
}

export interface ConnectionSummary {
  conn_id: string;
  conn_type: string;
  host: string;
  port: number | null;
  login: string;
  password: string;
  schema: string;
  extra: Record<string, unknown>;
  description: string;
  source: string;
  shadowed: boolean;
  withheld: string;
  stamp: string;
}

export interface ConnectionTest {
  conn_id: string;
  ok: boolean;
  identity: string;
  endpoint: string;
  latency_ms: number;
  detail: string;
}

export type ConnectionType = [string, string, (string)[], (Field)[]];

export interface DagCode {
  dag_id: string;
  version: string;
  file: string;
  text: string;
  files: (string)[];
  note: string;
}

export interface DagDetails {
  summary: DagSummary;
  spec: DagSpec;
  version: string;
  latest: (Run)[];
  waits: DagWait | null;
}

export interface DagSpec {
  dag_id: string;
  file: string;
  tasks?: (TaskSpec)[];
  schedule?: Schedule;
  start_date?: string | null;
  end_date?: string | null;
  catchup?: boolean;
  catchup_window_s?: number | null;
  overlap?: Overlap;
  max_active_runs?: number;
  max_active_tasks?: number;
  tenant?: string;
  params?: Record<string, ParamSpec>;
  tags?: (string)[];
  owners?: (string)[];
  doc?: string;
  groups?: Record<string, (string)[]>;
  isolation?: "fork" | "inline" | "reuse" | null;
  native_templates?: boolean;
  paused_upon_creation?: boolean;
  run_timeout_s?: number | null;
  alerts?: (AlertRule)[];
  assets?: Record<string, AssetSpec>;
}

export interface DagSummary {
  dag_id: string;
  file: string;
  schedule: string;
  paused: boolean;
  active: boolean;
  tags: (string)[];
  owners: (string)[];
  tasks: number;
  next_run_at: string | null;
  runs: Record<string, number>;
}

export interface DagVersion {
  version: string;
  stored_at: string;
  present: boolean;
}

export interface DagWait {
  dag_id: string;
  condition: string;
  assets: (WaitingAsset)[];
  reason: string;
}

export interface DistributionCost {
  name: string;
  version: string;
  bytes: number;
}

export type Doubled = "both" | "first" | "last";

export interface Duration {
  run: ShortRun;
  state: string;
  started_at: string;
  took_s: number | null;
}

export interface Durations {
  items: (Duration)[];
  median_s: number | null;
  low_s: number | null;
  high_s: number | null;
  longest_usual_s: number | null;
}

export interface ExecutorUsage {
  name: string;
  type: string;
  capacity: number | null;
  held: number;
  waiting: number;
  queues: (string)[];
}

export type Field = [string, string, string, boolean, boolean, unknown];

export interface FileRow {
  file: string;
  parsed_at: string;
  duration_s: number;
  refresh_s: number | null;
  problems: number;
  notes: number;
}

export interface FileWatch {
  path: string;
  interval_s?: number;
  settle_s?: number;
  delete?: boolean;
  conn_id?: string | null;
}

export interface Found {
  dags: (string)[];
  tasks: (FoundTask)[];
  runs: (FoundRun)[];
}

export interface FoundRun {
  run: number;
  dag_id: string;
  run_id: string;
  state: RunState;
  created_at: string;
}

export interface FoundTask {
  dag_id: string;
  task_id: string;
  run_id: string;
}

export interface Gantt {
  items: (Try)[];
  next: string;
  run: Run;
}

export type Gap = "after" | "skip";

export interface Grant {
  role: Role;
  dags: (string)[];
  tags: (string)[];
  connections: (string)[];
  variables: (string)[];
  pools: (string)[];
  installation: boolean;
}

export interface Graph {
  dag_id: string;
  version: string;
  tasks: (GraphTask)[];
  groups: (GraphGroup)[];
}

export interface GraphGroup {
  group_id: string;
  parent: string;
  first: (string)[];
}

export interface GraphTask {
  task_id: string;
  group: string;
  operator: string;
  upstream: (string)[];
  trigger_rule: TriggerRule;
  mapped: boolean;
  sensor: boolean;
  setup: boolean;
  teardown: boolean;
  pool: string;
  queue: string;
  doc: string;
}

export interface Grid {
  items: (GridRun)[];
  next: string;
  dag_id: string;
  version: string;
  tasks: (GridTask)[];
  letters: Record<string, TaskState>;
}

export interface GridRun {
  run: ShortRun;
  states: string;
  mapped: Record<string, Record<string, number>>;
}

export interface GridTask {
  task_id: string;
  mapped: boolean;
  present: boolean;
}

export interface HeldGrant {
  number: number;
  user: string;
  team: string;
  grant: Grant;
  created_at: string;
}

export interface ImportErrors {
  file: string;
  problems: (string)[];
  notes: (string)[];
}

export interface LatestRuns {
  runs: Record<string, (ShortRun)[]>;
}

export interface LimitHolder {
  dag_id: string;
  run_id: string;
  task: string;
  amount: number;
}

export interface Listener {
  provider: string;
  acknowledged: number;
  failed: number;
  missed: number;
  broken: string;
  failure: string;
  failed_at: string | null;
  waiting: number;
}

export interface LogHit {
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  dispatch: number;
  offset: number;
  time: string;
  level: string;
  source: string;
  text: string;
}

export interface LogHits {
  items: (LogHit)[];
  next: string;
  searched_days: number;
  days: number;
  since: string | null;
  unread: number;
}

export interface LogLine {
  offset: number;
  size: number;
  text: string;
  time: string | null;
  level: string;
  source: string;
}

export interface LogMatch {
  offset: number;
  number: number;
  text: string;
}

export interface LogMatches {
  matches: (LogMatch)[];
  offset: number;
  lines: number;
  whole: boolean;
}

export interface LogPage {
  lines: (LogLine)[];
  start: number;
  end: number;
  size: number;
  growing: boolean;
}

export type Manifest = [string, string, string, string, (string)[], string, string, string, string, string, string, Record<string, string>, (Capability)[], (ConnectionType)[]];

export interface Mapping {
  argument?: string;
  length?: number | null;
  literal?: unknown[] | null;
  source?: XComRef | null;
  join?: "" | "concat" | "longest" | "zip";
  parts?: (Mapping)[];
}

export interface Mark {
  run: Run;
  tasks: (string)[];
  version: string;
  note: string;
  changes: (TaskChange)[];
  asked: Asked | null;
}

export interface MarkedRun {
  run: Run;
  changes: (TaskChange)[];
  asked: Asked | null;
}

export interface MarkedTask {
  dag_id: string;
  task_id: string;
  logical_date?: string;
  depth?: number;
}

export interface NewToken {
  token: Token;
  secret: string;
}

export interface NextRun {
  run_after: string;
  interval_start: string;
  interval_end: string;
  local: string;
}

export type Outcome = "cancelled" | "failed" | "lost" | "skipped" | "success" | "timed_out";

export type Overlap = "cancel" | "queue" | "queue_latest" | "skip";

export interface PageOfAssetEvent {
  items: (AssetEvent)[];
  next: string;
}

export interface PageOfAssetSummary {
  items: (AssetSummary)[];
  next: string;
}

export interface PageOfAuditEntry {
  items: (AuditEntry)[];
  next: string;
}

export interface PageOfBackfillDate {
  items: (BackfillDate)[];
  next: string;
}

export interface PageOfBackfillProgress {
  items: (BackfillProgress)[];
  next: string;
}

export interface PageOfDagSummary {
  items: (DagSummary)[];
  next: string;
}

export interface PageOfDagVersion {
  items: (DagVersion)[];
  next: string;
}

export interface PageOfFileRow {
  items: (FileRow)[];
  next: string;
}

export interface PageOfHeldGrant {
  items: (HeldGrant)[];
  next: string;
}

export interface PageOfImportErrors {
  items: (ImportErrors)[];
  next: string;
}

export interface PageOfPoolUsage {
  items: (PoolUsage)[];
  next: string;
}

export interface PageOfRun {
  items: (Run)[];
  next: string;
}

export interface PageOfSession {
  items: (Session)[];
  next: string;
}

export interface PageOfTeam {
  items: (Team)[];
  next: string;
}

export interface PageOfToken {
  items: (Token)[];
  next: string;
}

export interface PageOfUserSummary {
  items: (UserSummary)[];
  next: string;
}

export interface ParamSpec {
  default?: unknown;
  doc?: string;
  schema?: Record<string, unknown>;
  required?: boolean;
}

export type Parameter = [string, string, string, boolean, unknown];

export interface PasswordLink {
  user: string;
  secret: string;
  expires_at: string;
}

export interface PastTry {
  attempt: Try;
  late_outcome: Outcome | null;
  late_at: string | null;
}

export type Permission = "assets:write" | "audit:read" | "code:read" | "connections:read" | "connections:write" | "dags:read" | "dags:write" | "history:delete" | "installation:read" | "installation:write" | "logs:read" | "pools:read" | "pools:write" | "runs:write" | "users:write" | "values:read" | "values:write" | "variables:read" | "variables:write" | "workers:run";

export interface PlannedDate {
  logical_date: string;
  data_to: string;
  action: BackfillAction;
  reason: string;
}

export type PlannedRun = [string, string, string];

export interface Pool {
  name: string;
  slots: number;
  description: string;
  rate: Rate | null;
  next_at: string | null;
}

export interface PoolTask {
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  slots: number;
  since: string | null;
}

export interface PoolUsage {
  name: string;
  slots: number | null;
  description: string;
  used: number;
  waiting: number;
  largest: number;
  rate: string;
}

export interface PoolUse {
  name: string;
  holders: (PoolTask)[];
  waiting: (PoolTask)[];
  unnamed_holders: number;
  unnamed_waiting: number;
}

export interface PrincipalSummary {
  user: string;
  grants: (Grant)[];
  only: (Permission)[] | null;
}

export interface ProviderCost {
  id: string;
  import_ms: number | null;
  problem: string;
  distributions: (DistributionCost)[];
}

export interface ProviderDetails {
  id: string;
  active: boolean;
  distributions: (string)[];
  problems: (string)[];
  notes: (string)[];
  manifest: Manifest | null;
  listener: Listener | null;
  disabled: boolean;
  uses: Record<string, (string)[]>;
  bytes: number;
}

export interface QueueFigures {
  name: string;
  executor: string;
  waiting: number;
  held: number;
  oldest_s: number;
  wanted: number;
  workers: number;
  tries_per_worker: number;
  min_workers: number;
  max_workers: number | null;
  cooldown_s: number;
}

export interface Rate {
  count: number;
  period_s: number;
}

export interface Rendered {
  run: number;
  task_id: string;
  map_index: number;
  epoch: number;
  fields: Record<string, string>;
}

export type Rerun = "all" | "failed" | "none";

export interface RetrySpec {
  retries?: number;
  delay_s?: number;
  backoff?: number;
  max_delay_s?: number | null;
  jitter?: number;
}

export type Role = "admin" | "editor" | "operator" | "viewer";

export interface RolePermission {
  permission: Permission;
  meaning: string;
  scope: Scope;
  roles: (Role)[];
}

export interface Run {
  run: number;
  dag_id: string;
  run_id: string;
  kind: RunKind;
  state: RunState;
  version: string;
  created_at: string;
  logical_date: string | null;
  interval_start: string | null;
  interval_end: string | null;
  conf: Record<string, unknown>;
  started_at: string | null;
  ended_at: string | null;
  reason: string;
  timed_out_at: string | null;
  cancelled_at: string | null;
  backfill: number | null;
  subset: (string)[];
  consumed: Record<string, (number)[]>;
}

export interface RunDetails {
  run: Run;
  tasks: Record<string, number>;
  present_version: string;
}

export type RunKind = "asset_triggered" | "backfill" | "manual" | "scheduled" | "triggered";

export type RunState = "cancelled" | "failed" | "queued" | "running" | "skipped" | "success";

export interface RunTasks {
  items: (TaskInstance)[];
  next: string;
  run: Run;
}

export interface Schedule {
  kind?: ScheduleKind;
  crons?: (string)[];
  every_s?: number;
  dates?: (string)[];
  timezone?: string;
  text?: string;
  instants?: boolean;
  gap?: Gap;
  doubled?: Doubled;
  parts?: (Schedule)[];
  planned?: (PlannedRun)[];
  assets?: AssetCondition | null;
}

export type ScheduleKind = "cron" | "dates" | "interval" | "none" | "once" | "timetable" | "union";

export interface SchedulerHealth {
  schedulers: number;
  silent_s: number | null;
  problem: string;
}

export interface SchedulerRow {
  name: string;
  host: string;
  pid: number;
  since: string;
  dags: number | null;
  draining_since: string | null;
}

export type Scope = "connection" | "dag" | "installation" | "pool" | "variable";

export interface SensorPolicy {
  poke_interval_s?: number;
  timeout_s?: number;
  soft_fail?: boolean;
}

export interface ServiceSummary {
  name: string;
  type: string;
  state: string;
  detail: string;
  pid: number | null;
  since: string | null;
  ends: number;
  log: string;
  problems: (string)[];
}

export interface Session {
  session_id: string;
  user: string;
  source: string;
  created_at: string;
  seen_at: string;
  idle_s: number;
  expires_at: string;
}

export interface ShortRun {
  run: number;
  dag_id: string;
  run_id: string;
  kind: RunKind;
  state: RunState;
  logical_date: string | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  version: string;
}

export interface StartedBackfill {
  backfill: Backfill;
  asked: Asked;
  note: string;
}

export interface StoredXCom {
  task: string;
  key: string;
  length: number | null;
  size: number;
  value: unknown;
  url: string;
}

export interface TaskChange {
  task: string;
  before: TaskState;
  after: TaskState;
}

export interface TaskDurations {
  task_id: string;
  successes: number;
  median_s: number | null;
  low_s: number | null;
  high_s: number | null;
}

export interface TaskInstance {
  run: number;
  task_id: string;
  map_index: number;
  state: TaskState;
  try_number: number;
  epoch: number;
  reason: string;
  queued_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  due_at: string | null;
  failures: number;
  losses: number;
  map_key: string;
}

export interface TaskSpec {
  task_id: string;
  operator?: string;
  capability?: string | null;
  plan?: Record<string, unknown> | null;
  upstream?: (string)[];
  trigger_rule?: TriggerRule;
  inputs?: (XComRef)[];
  mapped?: (Mapping)[];
  group?: string;
  max_active_per_dag?: number | null;
  max_active_per_run?: number | null;
  retry?: RetrySpec;
  execution_timeout_s?: number | null;
  sensor?: SensorPolicy | null;
  decides?: boolean;
  instant?: boolean;
  setup?: boolean;
  teardown?: boolean;
  fails_run?: boolean;
  depends_on_past?: boolean;
  wait_for_downstream?: boolean;
  pool?: string;
  pool_slots?: number;
  priority_weight?: number;
  weights?: (number)[];
  queue?: string;
  cpu?: number;
  memory_bytes?: number;
  executor_config?: Record<string, unknown>;
  templated?: boolean;
  params?: Record<string, ParamSpec>;
  alerts?: (AlertRule)[];
  outlets?: (string)[];
  inlets?: (string)[];
  marks?: MarkedTask | null;
  doc?: string;
  line?: number;
}

export type TaskState = "cancelled" | "deferred" | "failed" | "none" | "queued" | "removed" | "running" | "scheduled" | "skipped" | "success" | "up_for_retry" | "upstream_failed";

export interface Team {
  name: string;
  description: string;
  created_at: string;
  members: (string)[];
}

export interface TenantUsage {
  name: string;
  weight: number;
  max_active_tasks: number | null;
  active: number;
  waiting: number;
  dags: number;
}

export interface Token {
  token_id: string;
  user: string;
  name: string;
  permissions: (Permission)[] | null;
  created_at: string;
  expires_at: string | null;
  used_at: string | null;
}

export type TriggerRule = "all_done" | "all_done_min_one_success" | "all_done_setup_success" | "all_failed" | "all_skipped" | "all_success" | "always" | "none_failed" | "none_failed_min_one_success" | "none_skipped" | "one_done" | "one_failed" | "one_success";

export interface TriggeredRun {
  run: Run;
  created: boolean;
  paused: boolean;
}

export interface Try {
  run: number;
  task_id: string;
  map_index: number;
  epoch: number;
  try_number: number;
  executor: string;
  queued_at: string;
  started_at: string | null;
  ended_at: string | null;
  outcome: Outcome | null;
  error: string;
  pid: number | null;
  worker: string;
}

export interface User {
  name: string;
  created_at: string;
  changed_at: string;
  password: boolean;
  external: string | null;
  service: boolean;
  disabled: boolean;
}

export interface UserSummary {
  name: string;
  created_at: string;
  changed_at: string;
  password: boolean;
  external: string | null;
  service: boolean;
  disabled: boolean;
  grants: (HeldGrant)[];
}

export interface VariableSummary {
  key: string;
  value: string;
  description: string;
  changed_at: string | null;
  source: string;
  shadowed: boolean;
  withheld: string;
}

export interface VaultPageOfConnectionSummary {
  items: (ConnectionSummary)[];
  next: string;
  failures: (string)[];
  silent: (string)[];
}

export interface VaultPageOfVariableSummary {
  items: (VariableSummary)[];
  next: string;
  failures: (string)[];
  silent: (string)[];
}

export interface VersionDiff {
  dag_id: string;
  before: string;
  after: string;
  differences: (VersionDifference)[];
  note: string;
}

export interface VersionDifference {
  part: "DAG" | "Variable" | "file" | "task";
  name: string;
  field: string;
  change: "added" | "changed" | "removed";
  before: unknown;
  after: unknown;
}

export interface Wait {
  limit: string;
  used: number;
  of: number;
  needs: number;
  holders: (LimitHolder)[];
  held_by: number;
  waiting: number;
  position: number;
  next_start: string | null;
  free_by: string | null;
}

export interface WaitingAsset {
  asset: string;
  waiting: number;
  since: string | null;
}

export interface WatcherStatus {
  asset: string;
  path: string;
  looked_at: string;
  files: number;
  problem: string;
  note: string;
}

export interface WatcherSummary {
  watch: FileWatch;
  reported: number;
  last: string;
  reported_at: string | null;
  status: WatcherStatus | null;
}

export interface Why {
  run: Run;
  task: TaskInstance;
  reason: string;
  upstream: Record<string, (TaskState)[]>;
  tries: (PastTry)[];
  steps: number;
  wait: Wait | null;
}

export interface WorkerRow {
  name: string;
  executor: string;
  queues: (string)[];
  host: string;
  version: string;
  slots: number;
  running: number;
  draining: boolean;
  done: number;
  failed: number;
  average_s: number | null;
  load: number | null;
  since: string;
  seen_at: string;
}

export interface WorkerTask {
  worker: string;
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  since: string;
}

export interface WorkerTasks {
  tasks: (WorkerTask)[];
  unnamed: number;
}

export interface XComPage {
  items: (StoredXCom)[];
  next: string;
  run: Run;
}

export interface XComRef {
  task_id: string;
  key?: string;
}

export interface Routes {
  "DELETE /connections/{conn_id}": {
    parameters: { conn_id: string; why?: string };
    answer: null;
  };
  "DELETE /grants/{number}": {
    parameters: { number: number; why?: string };
    answer: null;
  };
  "DELETE /pools/{name}": {
    parameters: { name: string; why?: string };
    answer: null;
  };
  "DELETE /sessions/{session_id}": {
    parameters: { session_id: string; why?: string };
    answer: null;
  };
  "DELETE /teams/{team}": {
    parameters: { team: string; why?: string };
    answer: null;
  };
  "DELETE /teams/{team}/members/{user}": {
    parameters: { team: string; user: string; why?: string };
    answer: boolean;
  };
  "DELETE /tokens/{token_id}": {
    parameters: { token_id: string; why?: string };
    answer: null;
  };
  "DELETE /users/{user}": {
    parameters: { user: string; why?: string };
    answer: null;
  };
  "DELETE /variables/{key}": {
    parameters: { key: string; why?: string };
    answer: null;
  };
  "GET /assets": {
    parameters: { after?: string; limit?: number };
    answer: PageOfAssetSummary;
  };
  "GET /assets/events": {
    parameters: { name?: string; after?: string; limit?: number };
    answer: PageOfAssetEvent;
  };
  "GET /assets/named": {
    parameters: { name: string };
    answer: AssetDetails;
  };
  "GET /audit": {
    parameters: { dag_id?: string; run_id?: string; person?: string; action?: AuditAction | null; since?: string | null; until?: string | null; after?: string; limit?: number };
    answer: PageOfAuditEntry;
  };
  "GET /backfills": {
    parameters: { dag_id?: string; after?: string; limit?: number };
    answer: PageOfBackfillProgress;
  };
  "GET /backfills/{number}/dates": {
    parameters: { number: number; after?: string; limit?: number };
    answer: PageOfBackfillDate;
  };
  "GET /connection-types": {
    parameters: {  };
    answer: (ConnectionKind)[];
  };
  "GET /connections": {
    parameters: { after?: string; limit?: number };
    answer: VaultPageOfConnectionSummary;
  };
  "GET /connections/{conn_id}": {
    parameters: { conn_id: string };
    answer: ConnectionSummary;
  };
  "GET /dags": {
    parameters: { search?: string; tag?: string; owner?: string; paused?: boolean | null; state?: RunState | null; retired?: boolean; after?: string; limit?: number };
    answer: PageOfDagSummary;
  };
  "GET /dags/{dag_id}": {
    parameters: { dag_id: string };
    answer: DagDetails;
  };
  "GET /dags/{dag_id}/calendar": {
    parameters: { dag_id: string; since: string; until: string; zone?: string };
    answer: (CalendarDay)[];
  };
  "GET /dags/{dag_id}/code": {
    parameters: { dag_id: string; version?: string; file?: string };
    answer: DagCode;
  };
  "GET /dags/{dag_id}/diff": {
    parameters: { dag_id: string; before?: string; after?: string };
    answer: VersionDiff;
  };
  "GET /dags/{dag_id}/durations": {
    parameters: { dag_id: string; task_id?: string; limit?: number };
    answer: Durations;
  };
  "GET /dags/{dag_id}/graph": {
    parameters: { dag_id: string; version?: string };
    answer: Graph;
  };
  "GET /dags/{dag_id}/grid": {
    parameters: { dag_id: string; tasks?: (string)[] | null; after?: string; limit?: number };
    answer: Grid;
  };
  "GET /dags/{dag_id}/next-runs": {
    parameters: { dag_id: string; count?: number };
    answer: (NextRun)[];
  };
  "GET /dags/{dag_id}/paused": {
    parameters: { dag_id: string };
    answer: boolean;
  };
  "GET /dags/{dag_id}/runs/{run_id}": {
    parameters: { dag_id: string; run_id: string };
    answer: RunDetails;
  };
  "GET /dags/{dag_id}/runs/{run_id}/gantt": {
    parameters: { dag_id: string; run_id: string; after?: string; limit?: number };
    answer: Gantt;
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks": {
    parameters: { dag_id: string; run_id: string; after?: string; limit?: number };
    answer: RunTasks;
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log": {
    parameters: { dag_id: string; task_id: string; run_id: string; map_index?: number | null; dispatch?: number | null; offset?: number | null; backward?: boolean; limit?: number; level?: string };
    answer: LogPage;
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log/content": {
    parameters: { dag_id: string; task_id: string; dispatch: number; run_id: string; map_index?: number };
    answer: (string)[];
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log/matches": {
    parameters: { dag_id: string; task_id: string; text?: string; run_id: string; map_index?: number | null; dispatch?: number | null; offset?: number; lines?: number; limit?: number };
    answer: LogMatches;
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/rendered": {
    parameters: { dag_id: string; task_id: string; run_id: string; map_index?: number | null; dispatch?: number | null };
    answer: (Rendered)[];
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/why": {
    parameters: { dag_id: string; task_id: string; run_id: string; map_index?: number | null };
    answer: (Why)[];
  };
  "GET /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/xcoms": {
    parameters: { dag_id: string; task_id: string; run_id: string; map_index?: number | null; key?: string; after?: string; limit?: number };
    answer: XComPage;
  };
  "GET /dags/{dag_id}/task-durations": {
    parameters: { dag_id: string; limit?: number };
    answer: (TaskDurations)[];
  };
  "GET /dags/{dag_id}/versions": {
    parameters: { dag_id: string; after?: string; limit?: number };
    answer: PageOfDagVersion;
  };
  "GET /executors": {
    parameters: {  };
    answer: (ExecutorUsage)[];
  };
  "GET /files": {
    parameters: { after?: string; limit?: number };
    answer: PageOfFileRow;
  };
  "GET /import-errors": {
    parameters: { after?: string; limit?: number };
    answer: PageOfImportErrors;
  };
  "GET /logs/search": {
    parameters: { words: (string)[]; dag_id?: string; task_id?: string; level?: string; since?: string | null; until?: string | null; limit?: number; after?: string };
    answer: LogHits;
  };
  "GET /me": {
    parameters: {  };
    answer: PrincipalSummary;
  };
  "GET /pools": {
    parameters: { after?: string; limit?: number };
    answer: PageOfPoolUsage;
  };
  "GET /pools/{name}": {
    parameters: { name: string };
    answer: Pool;
  };
  "GET /pools/{name}/use": {
    parameters: { name: string };
    answer: PoolUse;
  };
  "GET /providers": {
    parameters: {  };
    answer: (ProviderDetails)[];
  };
  "GET /queues": {
    parameters: { tries_per_worker?: number | null };
    answer: (QueueFigures)[];
  };
  "GET /roles": {
    parameters: {  };
    answer: (RolePermission)[];
  };
  "GET /runs": {
    parameters: { dag_id?: string; state?: RunState | null; tag?: string; search?: string; since?: string | null; until?: string | null; after?: string; limit?: number };
    answer: PageOfRun;
  };
  "GET /schedulers": {
    parameters: {  };
    answer: (SchedulerRow)[];
  };
  "GET /schedulers/health": {
    parameters: {  };
    answer: SchedulerHealth;
  };
  "GET /search": {
    parameters: { text: string; dag_id?: string; limit?: number };
    answer: Found;
  };
  "GET /services": {
    parameters: {  };
    answer: (ServiceSummary)[];
  };
  "GET /sessions": {
    parameters: { user?: string; after?: string; limit?: number };
    answer: PageOfSession;
  };
  "GET /teams": {
    parameters: { after?: string; limit?: number };
    answer: PageOfTeam;
  };
  "GET /teams/{team}": {
    parameters: { team: string };
    answer: Team;
  };
  "GET /teams/{team}/grants": {
    parameters: { team: string; after?: string; limit?: number };
    answer: PageOfHeldGrant;
  };
  "GET /tenants": {
    parameters: {  };
    answer: (TenantUsage)[];
  };
  "GET /tokens": {
    parameters: { user?: string; after?: string; limit?: number };
    answer: PageOfToken;
  };
  "GET /users": {
    parameters: { after?: string; limit?: number };
    answer: PageOfUserSummary;
  };
  "GET /users/{user}": {
    parameters: { user: string };
    answer: User;
  };
  "GET /users/{user}/grants": {
    parameters: { user: string; after?: string; limit?: number };
    answer: PageOfHeldGrant;
  };
  "GET /variables": {
    parameters: { after?: string; limit?: number };
    answer: VaultPageOfVariableSummary;
  };
  "GET /variables/{key}": {
    parameters: { key: string };
    answer: string;
  };
  "GET /views/latest-runs": {
    parameters: { dag_ids: (string)[]; count?: number };
    answer: LatestRuns;
  };
  "GET /workers": {
    parameters: {  };
    answer: (WorkerRow)[];
  };
  "GET /workers/tasks": {
    parameters: {  };
    answer: WorkerTasks;
  };
  "POST /connections/{conn_id}/test": {
    parameters: { conn_id: string };
    answer: ConnectionTest;
  };
  "POST /dags/{dag_id}/backfills": {
    parameters: { dag_id: string; since: string; until: string; tasks?: (string)[] | null; upstream?: boolean; downstream?: boolean; backwards?: boolean; max_active_runs?: number; rerun?: Rerun; conf?: Record<string, unknown> | null; expected?: string; why?: string };
    answer: StartedBackfill;
  };
  "POST /dags/{dag_id}/backfills/plan": {
    parameters: { dag_id: string; since: string; until: string; tasks?: (string)[] | null; upstream?: boolean; downstream?: boolean; backwards?: boolean; max_active_runs?: number; rerun?: Rerun; conf?: Record<string, unknown> | null };
    answer: BackfillPlan;
  };
  "POST /dags/{dag_id}/clear": {
    parameters: { dag_id: string; since: string; until: string; tasks?: (string)[] | null; upstream?: boolean; downstream?: boolean; only_failed?: boolean; code?: Code | null; keep_steps?: boolean; alone?: boolean; dry_run?: boolean; why?: string };
    answer: ClearReport;
  };
  "POST /dags/{dag_id}/runs": {
    parameters: { dag_id: string; run_id?: string; conf?: Record<string, unknown> | null; logical_date?: string | null; why?: string };
    answer: TriggeredRun;
  };
  "POST /dags/{dag_id}/runs/{run_id}/cancel": {
    parameters: { dag_id: string; run_id: string; why?: string };
    answer: Asked;
  };
  "POST /dags/{dag_id}/runs/{run_id}/clear": {
    parameters: { dag_id: string; run_id: string; tasks?: (string)[] | null; map_index?: number | null; upstream?: boolean; downstream?: boolean; only_failed?: boolean; code?: Code | null; keep_steps?: boolean; alone?: boolean; dry_run?: boolean; why?: string };
    answer: ClearReport;
  };
  "POST /dags/{dag_id}/runs/{run_id}/mark": {
    parameters: { dag_id: string; run_id: string; state: string; dry_run?: boolean; why?: string };
    answer: MarkedRun;
  };
  "POST /dags/{dag_id}/runs/{run_id}/tasks/{task_id}/mark": {
    parameters: { dag_id: string; task_id: string; state: string; run_id: string; map_index?: number | null; code?: Code | null; dry_run?: boolean; why?: string };
    answer: Mark;
  };
  "POST /providers/{provider_id}/cost": {
    parameters: { provider_id: string };
    answer: ProviderCost;
  };
  "POST /teams": {
    parameters: { team: string; description?: string; why?: string };
    answer: Team;
  };
  "POST /teams/{team}/grants": {
    parameters: { team: string; given: Grant; why?: string };
    answer: HeldGrant;
  };
  "POST /tokens": {
    parameters: { name: string; user?: string; permissions?: (Permission)[] | null; days?: number | null; why?: string };
    answer: NewToken;
  };
  "POST /users": {
    parameters: { user: string; external?: string; service?: boolean; given?: Grant | null; why?: string };
    answer: User;
  };
  "POST /users/{user}/grants": {
    parameters: { user: string; given: Grant; why?: string };
    answer: HeldGrant;
  };
  "POST /users/{user}/reset": {
    parameters: { user: string; why?: string };
    answer: PasswordLink;
  };
  "POST /workers/{name}/drain": {
    parameters: { name: string; why?: string };
    answer: null;
  };
  "PUT /backfills/{number}/state": {
    parameters: { number: number; state: BackfillState; why?: string };
    answer: Asked;
  };
  "PUT /connections/{conn_id}": {
    parameters: { conn_id: string; connection: Connection; keep_secrets?: boolean; why?: string };
    answer: string;
  };
  "PUT /dags/{dag_id}/paused": {
    parameters: { dag_id: string; paused: boolean; why?: string };
    answer: boolean;
  };
  "PUT /pools/{name}": {
    parameters: { name: string; slots: number; description?: string; rate?: string; why?: string };
    answer: Pool;
  };
  "PUT /teams/{team}/members/{user}": {
    parameters: { team: string; user: string; why?: string };
    answer: boolean;
  };
  "PUT /users/{user}/disabled": {
    parameters: { user: string; disabled: boolean; why?: string };
    answer: null;
  };
  "PUT /users/{user}/external": {
    parameters: { user: string; external: string; why?: string };
    answer: null;
  };
  "PUT /variables/{key}": {
    parameters: { key: string; value: string; description?: string; why?: string };
    answer: string;
  };
}
