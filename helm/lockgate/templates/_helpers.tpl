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

{{/* The same, for kinds whose names take no colon. */}}
{{- define "lockgate.policyName" -}}
{{- printf "%s.%s" .Release.Namespace (include "lockgate.fullname" .) -}}
{{- end -}}

{{/* The operator's account, as the API server knows it. */}}
{{- define "lockgate.username" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "lockgate.fullname" .) -}}
{{- end -}}

{{/* The registry's address; readable on its way only when that was asked for. */}}
{{- define "lockgate.baseUrl" -}}
{{- if and (hasPrefix "http://" .Values.registry.baseUrl) (not .Values.registry.allowHttp) -}}
{{- fail "registry.baseUrl begins with http://, so that API keys could be read on their way: use https://, or set registry.allowHttp" -}}
{{- end -}}
{{- .Values.registry.baseUrl -}}
{{- end -}}

{{/* Name of the authorities, for pods; empty when the system's are enough. */}}
{{- define "lockgate.caName" -}}
{{- $ca := .Values.registry.caBundle -}}
{{- if and $ca.configMap $ca.secret -}}
{{- fail "registry.caBundle names both a ConfigMap and a Secret: name one" -}}
{{- end -}}
{{- $ca.configMap | default $ca.secret -}}
{{- end -}}

{{/*
One of the further registries, whole: what its values leave out is filled in. Takes its name and its values.
*/}}
{{- define "lockgate.registry" -}}
{{- $name := index . 0 -}}
{{- $given := index . 1 -}}
{{- if eq $name "default" -}}
{{- fail "registries.default is the one under registry: give it another name, or write its values there" -}}
{{- end -}}
{{- if and (hasPrefix "http://" $given.baseUrl) (not $given.allowHttp) -}}
{{- fail (printf "registries.%s.baseUrl begins with http://, so that API keys could be read on their way: use https://, or set registries.%s.allowHttp" $name $name) -}}
{{- end -}}
{{- $secret := dict "name" (printf "lockgate-registry-%s" $name) "key" "api-key" -}}
{{- $ca := merge (dict) ($given.caBundle | default dict) (dict "configMap" "" "secret" "" "key" "ca.crt") -}}
{{- if and $ca.configMap $ca.secret -}}
{{- fail (printf "registries.%s.caBundle names both a ConfigMap and a Secret: name one" $name) -}}
{{- end -}}
{{- dict
  "key" ($given.apiKeySecret | default $secret)
  "pods" (($given.modelPods | default dict).apiKeySecret | default $secret)
  "ca" $ca
  "caName" ($ca.configMap | default $ca.secret)
  | toYaml -}}
{{- end -}}

{{- define "lockgate.registriesName" -}}
{{- printf "%s-registries" (include "lockgate.fullname" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{/* Where the gateways are named. */}}
{{- define "lockgate.gatewaysName" -}}
{{- printf "%s-gateways" (include "lockgate.fullname" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{/* Where the services that gates ask are named. */}}
{{- define "lockgate.webhooksName" -}}
{{- printf "%s-webhooks" (include "lockgate.fullname" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{/* The file that names them to the operator. */}}
{{- define "lockgate.webhooksFile" -}}
{{- $all := dict -}}
{{- range $name, $given := .Values.webhooks -}}
{{- $told := dict
  "address" $given.address
  "namespaces" $given.namespaces
  "timeoutSeconds" ($given.timeoutSeconds | default 10)
-}}
{{- if $given.tokenSecret -}}
{{- $_ := set $told "tokenFile" (printf "/var/run/secrets/lockgate-webhooks/%s/token" $name) -}}
{{- end -}}
{{- if $given.caBundle -}}
{{- $_ := set $told "caFile" (printf "/var/run/lockgate-webhooks-ca/%s/ca.crt" $name) -}}
{{- end -}}
{{- $_ := set $all $name $told -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* Where the targets on Amazon ECS are named. */}}
{{- define "lockgate.ecsName" -}}
{{- printf "%s-ecs" (include "lockgate.fullname" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{/* The file that names them to the operator. */}}
{{- define "lockgate.ecsFile" -}}
{{- $all := dict -}}
{{- range $name, $given := .Values.ecs -}}
{{- $told := omit $given "credentialsSecret" -}}
{{- if $given.role -}}
{{- $_ := set $told "tokenFile" "/var/run/secrets/lockgate-ecs-identity/token" -}}
{{- else -}}
{{- $_ := set $told "credentialsFile" (printf "/var/run/secrets/lockgate-ecs/%s/credentials" $name) -}}
{{- end -}}
{{- $_ := set $all $name $told -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* The file that names the further registries to the operator. */}}
{{- define "lockgate.registriesFile" -}}
{{- $all := dict -}}
{{- range $name, $given := .Values.registries -}}
{{- $whole := include "lockgate.registry" (list $name $given) | fromYaml -}}
{{- $told := dict
  "kind" ($given.kind | default "wandb")
  "baseUrl" $given.baseUrl
  "allowHttp" ($given.allowHttp | default false)
  "apiKeyFile" (printf "/var/run/secrets/lockgate-registries/%s/api-key" $name)
  "timeout" ($given.timeoutSeconds | default 20)
  "modelSecretName" $whole.pods.name
  "modelSecretKey" $whole.pods.key
-}}
{{- with $given.organization -}}
{{- $_ := set $told "organization" . -}}
{{- end -}}
{{- if $whole.caName -}}
{{- $_ := set $told "caBundle" (printf "/var/run/lockgate-registries-ca/%s/ca.crt" $name) -}}
{{- $_ := set $told "modelCaConfigMap" $whole.caName -}}
{{- $_ := set $told "modelCaKey" $whole.ca.key -}}
{{- end -}}
{{- $_ := set $all $name $told -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* Names of the Secrets, and of the ConfigMaps, that pods may mount: CEL lists. */}}
{{- define "lockgate.podSecrets" -}}
{{- $names := list .Values.modelPods.apiKeySecret.name -}}
{{- range $name, $given := .Values.registries -}}
{{- $names = append $names (include "lockgate.registry" (list $name $given) | fromYaml).pods.name -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{- define "lockgate.podAuthorities" -}}
{{- $names := list (include "lockgate.caName" .) -}}
{{- range $name, $given := .Values.registries -}}
{{- $names = append $names (include "lockgate.registry" (list $name $given) | fromYaml).caName -}}
{{- end -}}
{{- $names | compact | uniq | toJson -}}
{{- end -}}

{{/* Where the gateways are that routes may name: a CEL list. */}}
{{- define "lockgate.gatewayPlaces" -}}
{{- $places := list -}}
{{- range .Values.gateways }}{{ $places = append $places (printf "%s/%s" .namespace .gateway) }}{{ end -}}
{{- $places | uniq | toJson -}}
{{- end -}}

{{/* Where models may run beside Deployments, with commas. */}}
{{- define "lockgate.backends" -}}
{{- $offered := list -}}
{{- range $name, $backend := .Values.backends }}{{ if $backend.enabled }}{{ $offered = append $offered $name }}{{ end }}{{ end -}}
{{- $offered | sortAlpha | join "," -}}
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

{{/* Rights in every namespace that is looked after. The operator never reads Secrets; it deletes what it has made. */}}
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
  verbs: [get, list, watch, create, patch, delete]
# Whose a pod is shows in its ReplicaSet, which is read once.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get]
# The ledger: what the pods of each release are made of.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, create, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.backends.kserve.enabled }}
- apiGroups: [serving.kserve.io]
  resources: [inferenceservices]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- if .Values.backends.rayService.enabled }}
- apiGroups: [ray.io]
  resources: [rayservices]
  verbs: [get, list, watch, create, patch, delete]
# Whose a pod is shows in its cluster, which is read once.
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get]
{{- end }}
{{- if .Values.ecs }}
# A finalizer, for what no garbage collector would find.
- apiGroups: [lockgate.dev]
  resources: [modeldeployments]
  verbs: [patch]
{{- end }}
{{- if .Values.gateways }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
# Those of variants, which share a route.
- apiGroups: [lockgate.dev]
  resources: [modeldeployments]
  verbs: [create, patch, delete]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* What people see: the models, and the workloads and pods that they run in. */}}
{{- define "lockgate.viewerRules" -}}
- apiGroups: [lockgate.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end -}}
