{{/* Names and labels, and what several kinds of pods have. */}}

{{- define "penstock.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "penstock.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "penstock.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "penstock.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "penstock.selector" -}}
app.kubernetes.io/name: {{ include "penstock.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "penstock.labels" -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "penstock.image" -}}
{{- $repository := required "image.repository is not given: it is made by deploy/image/Containerfile" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "penstock.databaseSecret" -}}
{{- if .Values.database.existingSecret -}}
{{ .Values.database.existingSecret }}
{{- else -}}
{{- $_ := required "database.existingSecret is not given, nor database.url" .Values.database.url -}}
{{ include "penstock.fullname" . }}-database
{{- end -}}
{{- end -}}

{{- define "penstock.databaseKey" -}}
{{ ternary .Values.database.existingSecretKey "url" (ne .Values.database.existingSecret "") }}
{{- end -}}

{{- define "penstock.tokensSecret" -}}
{{ .Values.tokens.existingSecret | default (printf "%s-tokens" (include "penstock.fullname" .)) }}
{{- end -}}

{{- define "penstock.keySecret" -}}
{{ .Values.secretKey.existingSecret | default (printf "%s-key" (include "penstock.fullname" .)) }}
{{- end -}}

{{- define "penstock.tlsSecret" -}}
{{ .Values.tls.existingSecret | default (printf "%s-tls" (include "penstock.fullname" .)) }}
{{- end -}}

{{- define "penstock.authorityConfigMap" -}}
{{ .Values.httpRoute.authorityConfigMap | default (printf "%s-authority" (include "penstock.fullname" .)) }}
{{- end -}}

{{- define "penstock.account" -}}
{{ .Values.serviceAccount.existing | default (include "penstock.fullname" .) }}
{{- end -}}

{{/* The component whose pods the service, the ingress and workers ask. */}}
{{- define "penstock.served" -}}
{{ ternary "server" "scheduler" .Values.server.enabled }}
{{- end -}}

{{- define "penstock.server" -}}
{{ include "penstock.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "penstock.serverUrl" -}}
https://{{ include "penstock.server" . }}:{{ .Values.service.port }}
{{- end -}}

{{- define "penstock.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
https://{{ .Values.ingress.host }}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
https://{{ first .Values.httpRoute.hostnames }}
{{- else -}}
https://localhost:{{ .Values.service.port }}
{{- end -}}
{{- end -}}

{{- define "penstock.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 0
fsGroup: 0
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "penstock.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end -}}

{{/* Where pods go, by the values of the scheduler or of a pool. */}}
{{- define "penstock.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $ $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* What opens the database: of scheduler and migrations alone. */}}
{{- define "penstock.serverEnv" -}}
- name: PENSTOCK_CONFIG
  value: /etc/penstock/penstock.toml
- name: PENSTOCK_DATABASE__URL_FILE
  value: /run/penstock/database/url
- name: PENSTOCK_SECRET_KEY_FILE
  value: /run/penstock/key/key
{{- if .Values.broker.enabled }}
- name: CELERY_BROKER_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "broker.existingSecret is not given" .Values.broker.existingSecret }}
      key: {{ .Values.broker.existingSecretKey }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The probes of what serves. */}}
{{- define "penstock.probes" -}}
# Beginning, it may wait for the database. A server that answers nobody is started again; one that does not reach the database is
# only sent no requests. `penstock up` itself starts a scheduler again that has died.
startupProbe:
  httpGet: {path: /health/live, port: https, scheme: HTTPS}
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health/live, port: https, scheme: HTTPS}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: https, scheme: HTTPS}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/* What serves has beside that: its certificate, its own state, and what all of them share. */}}
{{- define "penstock.servedMounts" -}}
- name: tls
  mountPath: /run/penstock/tls
  readOnly: true
- name: state
  mountPath: /var/lib/penstock
{{- if .Values.shared.existingClaim }}
- name: shared
  mountPath: /var/lib/penstock/snapshots
  subPath: snapshots
- name: shared
  mountPath: /var/lib/penstock-shared
{{- end }}
{{- end -}}

{{- define "penstock.servedVolumes" -}}
- name: tls
  secret:
    secretName: {{ include "penstock.tlsSecret" . }}
    defaultMode: 0440
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- with .Values.shared.existingClaim }}
- name: shared
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- end -}}

{{- define "penstock.serverMounts" -}}
- name: settings
  mountPath: /etc/penstock
  readOnly: true
- name: database
  mountPath: /run/penstock/database
  readOnly: true
- name: key
  mountPath: /run/penstock/key
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "penstock.serverVolumes" -}}
- name: settings
  configMap:
    name: {{ include "penstock.fullname" . }}
- name: database
  secret:
    secretName: {{ include "penstock.databaseSecret" . }}
    defaultMode: 0440
    items:
      - key: {{ include "penstock.databaseKey" . }}
        path: url
- name: key
  secret:
    secretName: {{ include "penstock.keySecret" . }}
    defaultMode: 0440
    items:
      - key: {{ .Values.secretKey.existingSecretKey }}
        path: key
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- end -}}
