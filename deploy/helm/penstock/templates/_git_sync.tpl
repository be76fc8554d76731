{{/* The container that gets the repository: once before the others, then beside them. */}}
{{- define "penstock.gitSync" -}}
{{- $given := .root.Values.gitSync -}}
{{- $ssh := regexMatch "^(ssh://|[^/]+@[^/]+:)" (required "gitSync.repo is not given" $given.repo) -}}
- name: {{ ternary "git-sync-first" "git-sync" .once }}
  {{- if $given.image.digest }}
  image: {{ $given.image.repository }}@{{ $given.image.digest }}
  {{- else }}
  image: {{ $given.image.repository }}:{{ $given.image.tag }}
  {{- end }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args:
    - --repo={{ $given.repo }}
    - --ref={{ $given.ref }}
    - --depth={{ $given.depth }}
    - --root=/git
    - --link=current
    {{- if .once }}
    - --one-time
    {{- else }}
    - --period={{ $given.period }}
    # A repository that is away is asked again: the revision of before stays, and nothing is stopped.
    - --max-failures=-1
    # Whoever reads the revision of before may end.
    - --stale-worktree-timeout=60s
    {{- end }}
    {{- if and $given.existingSecret $ssh }}
    - --ssh-key-file=/etc/git-secret/ssh
    - --ssh-known-hosts-file=/etc/git-secret/known_hosts
    {{- else if $given.existingSecret }}
    - --password-file=/etc/git-secret/password
    {{- end }}
    {{- range $given.extraArgs }}
    - {{ . }}
    {{- end }}
  {{- if or (and $given.existingSecret (not $ssh)) $given.env }}
  env:
    {{- if and $given.existingSecret (not $ssh) }}
    - name: GITSYNC_USERNAME
      valueFrom:
        secretKeyRef: {name: {{ $given.existingSecret }}, key: username}
    {{- end }}
    {{- with $given.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  resources:
    {{- toYaml $given.resources | nindent 4 }}
  securityContext:
    # Its own user, whom ssh finds in its image.
    runAsUser: 65533
    {{- include "penstock.containerSecurity" .root | nindent 4 }}
  volumeMounts:
    - name: git
      mountPath: /git
    - name: git-tmp
      mountPath: /tmp
    {{- if $given.existingSecret }}
    - name: git-secret
      mountPath: /etc/git-secret
      readOnly: true
    {{- end }}
{{- end -}}

{{- define "penstock.gitVolumes" -}}
- name: git
  emptyDir: {}
- name: git-tmp
  emptyDir: {}
{{- with .Values.gitSync.existingSecret }}
- name: git-secret
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}
