{{/* Name of everything in the release: the release's own, with "lockgate" in it once. */}}
{{- define "lockgate.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
Name of cluster-scoped objects. It carries the namespace, so that two releases of the same name in
two namespaces do not fight over one ClusterRole.
*/}}
{{- define "lockgate.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "lockgate.fullname" .) -}}
{{- end -}}

{{/* What tells this release's pods from all others; must never change in an upgrade. */}}
{{- define "lockgate.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "lockgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "lockgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The operator's image, by digest where one is given. */}}
{{- define "lockgate.image" -}}
{{- $repository := required "image.repository is not set: name the repository the operator's image was pushed to" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Rights in every namespace that is looked after. The operator never reads Secrets and deletes nothing. */}}
{{- define "lockgate.namespacedRules" -}}
- apiGroups: [lockgate.dev]
  resources: [modeldeployments]
  verbs: [list, watch]
- apiGroups: [lockgate.dev]
  resources: [modeldeployments/status]
  verbs: [patch]
# Server-side apply of an object that is not there yet needs "create" beside "patch".
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}
