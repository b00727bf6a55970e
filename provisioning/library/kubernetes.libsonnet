// The objects of the export for Kubernetes, by the name of their file. The same function renders the plain manifests and
// the templates of the Helm chart, whose settings contain expressions of Helm in place of values.
//
// settings: {
//   name, namespace, image, image_pull_secrets, cri_socket, monitor_labels: the chart's values or expressions for them
//   node, central: {resources, node_selector, tolerations, config, checksum}; central also replicas, and is null where
//     nothing is configured that it would read. config is the text of the project file for those pods.
//   port, interval, timeout, user; labels: of all objects
//   endpoints: {node, central}: [{labels, params, interval?, timeout?, readable_names?}], the pages to scrape
//   pages: [{name, target, labels, path?, scheme?, params?, interval?, timeout?, relabelings,
//     metric_relabelings}]: of applications
//   secrets: [{name, path}]; environment: [{variable, secret, key}]
// }
local selector(settings, part) = { 'app.kubernetes.io/instance': settings.name, 'app.kubernetes.io/component': part };

local metadata(settings, name, labels={}) = {
  name: name,
  namespace: settings.namespace,
  // A string is an expression of Helm that has all of them.
  labels: if std.isString(labels) then labels else settings.labels + labels,
};

// Pod Security "restricted", in full; `group` is the primary group of the process.
local podSecurity(settings, group) = {
  runAsNonRoot: true,
  runAsUser: settings.user,
  runAsGroup: group,
  seccompProfile: { type: 'RuntimeDefault' },
};
local containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

local httpProbe(path, seconds) = {
  httpGet: { path: path, port: 'metrics' },
  periodSeconds: seconds,
  timeoutSeconds: 5,
  failureThreshold: 3,
};

local mount(name, path, extra={}) = { name: name, mountPath: path, readOnly: true } + extra;
local secretVolumes(settings) = [
  { name: 'secret-%d' % index, secret: { secretName: settings.secrets[index].name, defaultMode: 288 } }  // 0440
  for index in std.range(0, std.length(settings.secrets) - 1)
];

// A pod of the exporter. `part` is node or central; `args` follow `serve`.
local podTemplate(settings, part, args, group, volumes, mounts, security={}) = {
  local own = settings[part],
  metadata: {
    labels: settings.labels + selector(settings, part),
    annotations: { 'checksum/config': own.checksum },
  },
  spec: {
    automountServiceAccountToken: false,
    [if std.length(settings.image_pull_secrets) > 0 then 'imagePullSecrets']: settings.image_pull_secrets,
    securityContext: podSecurity(settings, group) + security,
    nodeSelector: own.node_selector,
    tolerations: own.tolerations,
    containers: [{
      name: 'deckwatch',
      image: settings.image,
      args: ['--project=/project', 'serve', '--listen=:%d' % settings.port] + args,
      ports: [{ name: 'metrics', containerPort: settings.port }],
      resources: own.resources,
      securityContext: containerSecurity,
      livenessProbe: httpProbe('/healthz', 30),
      readinessProbe: httpProbe('/readyz', 10),
      volumeMounts: [mount('project', '/project'), { name: 'state', mountPath: '/var/lib/deckwatch' }] + mounts,
    } + (if part == 'central' && settings.environment != [] then {
           env: [
             { name: each.variable, valueFrom: { secretKeyRef: { name: each.secret, key: each.key } } }
             for each in settings.environment
           ],
         } else {})],
    volumes: [
      { name: 'project', configMap: { name: '%s-%s' % [settings.name, part] } },
      { name: 'state', emptyDir: {} },
    ] + volumes,
  },
};

local hostPath(name, path) = { name: name, hostPath: { path: path, type: 'Directory' } };

local daemonSet(settings) = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: metadata(settings, settings.name + '-node'),
  spec: {
    selector: { matchLabels: selector(settings, 'node') },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
    template: podTemplate(
      settings,
      'node',
      [
        '--path.procfs=/host/proc',
        '--path.sysfs=/host/sys',
        '--path.rootfs=/host/root',
        '--docker-host=cri://' + settings.cri_socket,
      ],
      group=0,
      volumes=[hostPath('proc', '/proc'), hostPath('sys', '/sys'), hostPath('root', '/')],
      mounts=[
        mount('proc', '/host/proc'),
        mount('sys', '/host/sys'),
        mount('root', '/host/root', { mountPropagation: 'HostToContainer' }),
      ],
    ),
  },
};

local deployment(settings) = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata(settings, settings.name + '-central'),
  spec: {
    replicas: settings.central.replicas,
    selector: { matchLabels: selector(settings, 'central') },
    // Never two at a time: both would read the databases and run the probes.
    strategy: { type: 'Recreate' },
    template: podTemplate(
      settings,
      'central',
      ['--docker-host='],
      group=settings.user,
      volumes=secretVolumes(settings),
      mounts=[mount('secret-%d' % index, settings.secrets[index].path) for index in std.range(0, std.length(settings.secrets) - 1)],
      security={ fsGroup: settings.user },
    ),
  },
};

local configMap(settings, part) = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadata(settings, '%s-%s' % [settings.name, part]),
  data: { 'deckwatch.yaml': settings[part].config },
};

// Prometheus' labels of the pod are dropped: the page has labels of these names, of the containers that it describes.
local podLabels = { action: 'labeldrop', regex: 'namespace|pod|container|endpoint' };
// As our dashboards and alerts name containers, where containerd's name is an id. kubernetes-mixin does not read `name`.
local readableNames = [
  { sourceLabels: ['namespace', 'pod'], separator: '/', regex: '(.+/.+)', targetLabel: 'name' },
  { sourceLabels: ['namespace', 'pod', 'container'], separator: '/', regex: '(.+/.+/.+)', targetLabel: 'name' },
];
local podEndpoint(settings, endpoint) = {
  port: 'metrics',
  path: '/metrics',
  interval: std.get(endpoint, 'interval', settings.interval),
  scrapeTimeout: std.get(endpoint, 'timeout', settings.timeout),
  honorLabels: true,
  params: endpoint.params,
  relabelings: [podLabels] + [
    if std.startsWith(endpoint.labels[name], '__meta_') then { sourceLabels: [endpoint.labels[name]], targetLabel: name }
    else { targetLabel: name, replacement: endpoint.labels[name] }
    for name in std.objectFields(endpoint.labels)
  ],
  [if std.get(endpoint, 'readable_names', false) then 'metricRelabelings']: readableNames,
};
local podMonitor(settings, part) = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PodMonitor',
  metadata: metadata(settings, '%s-%s' % [settings.name, part], settings.monitor_labels),
  spec: {
    selector: { matchLabels: selector(settings, part) },
    podMetricsEndpoints: [podEndpoint(settings, endpoint) for endpoint in settings.endpoints[part]],
  },
};

local scrapeConfig(settings, page) = {
  apiVersion: 'monitoring.coreos.com/v1alpha1',
  kind: 'ScrapeConfig',
  metadata: metadata(settings, '%s-%s' % [settings.name, page.name], settings.monitor_labels),
  spec: {
    staticConfigs: [{ targets: [page.target], labels: page.labels }],
    scrapeInterval: std.get(page, 'interval', settings.interval),
    scrapeTimeout: std.get(page, 'timeout', settings.timeout),
    [if 'path' in page then 'metricsPath']: page.path,
    [if 'scheme' in page then 'scheme']: page.scheme,
    [if 'params' in page then 'params']: page.params,
    relabelings: [{ targetLabel: 'job', replacement: 'app' }] + page.relabelings,
    [if page.metric_relabelings != [] then 'metricRelabelings']: page.metric_relabelings,
  },
};

{
  workloads(settings):
    local parts = ['node'] + (if settings.central == null then [] else ['central']);
    { ['config-' + part]: configMap(settings, part) for part in parts }
    + { ['podmonitor-' + part]: podMonitor(settings, part) for part in parts }
    + { ['scrapeconfig-' + page.name]: scrapeConfig(settings, page) for page in settings.pages }
    + { daemonset: daemonSet(settings) }
    + (if settings.central == null then {} else { deployment: deployment(settings) }),

  namespace(settings): {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: settings.namespace,
      labels: {
        // The DaemonSet mounts folders of the host, which "baseline" forbids; all else complies with "restricted".
        'pod-security.kubernetes.io/enforce': 'privileged',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
    },
  },

  // name: of the object. groups: the rules; null in a template, which reads them from a file.
  rule(settings, name, groups): {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: metadata(settings, name, settings.monitor_labels),
    [if groups != null then 'spec']: { groups: groups },
  },

  // folder: the title of the dashboards' folder in Grafana. is_operator: whether grafana-operator reads them.
  dashboard(settings, name, folder, is_operator, data): {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(settings, name, if is_operator then {} else { grafana_dashboard: '1' })
              + (if is_operator then {} else { annotations: { grafana_folder: folder } }),
    [if data != null then 'data']: data,
  },

  grafanaDashboard(settings, name, folder, key): {
    apiVersion: 'grafana.integreatly.org/v1beta1',
    kind: 'GrafanaDashboard',
    metadata: metadata(settings, name),
    spec: {
      instanceSelector: { matchLabels: { dashboards: 'grafana' } },
      allowCrossNamespaceImport: true,
      folder: folder,
      configMapRef: { name: name, key: key },
    },
  },
}
