// Grafana's provisioning: data sources and dashboard folders. URLs and the bundle's path come from the environment, so
// that one bundle serves Compose and `deckwatch up`.
// Grafana expands $NAME from its environment; $$ is a literal $.
local literal(text) = std.strReplace(text, '$', '$$');

local names = { loki: 'Loki', jaeger: 'Jaeger', postgres: 'PostgreSQL' };

local otherSource(kind, options) = {
  name: names[kind],
  uid: 'deckwatch-' + kind,
  type: if kind == 'postgres' then 'grafana-postgresql-datasource' else kind,
  access: 'proxy',
  url: literal(if kind == 'postgres' then options.address else options.url),
  editable: false,
} + (
  if kind != 'postgres' then {} else {
    user: literal(options.user),
    jsonData: { database: literal(options.database), sslmode: options.tls },
    [if std.objectHas(options, 'password_file') then 'secureJsonData']: { password: '$__file{' + options.password_file + '}' },
  }
);

{
  // interval: the real scrape interval. Grafana derives $__rate_interval from it; a wrong one gives empty rates.
  // urls: {prometheus, alertmanager} as Grafana reaches them; '' for those from the environment.
  // others: {loki, jaeger, postgres}, as in the project's build: data_sources:.
  datasources(interval, urls, others={}):: {
    apiVersion: 1,
    prune: true,
    datasources: [
      {
        name: 'Prometheus',
        uid: 'deckwatch-prometheus',
        type: 'prometheus',
        access: 'proxy',
        url: if urls.prometheus == '' then '${DECKWATCH_PROMETHEUS_URL}' else literal(urls.prometheus),
        isDefault: true,
        editable: false,
        jsonData: {
          httpMethod: 'POST',
          timeInterval: interval,
          manageAlerts: true,
          alertmanagerUid: 'deckwatch-alertmanager',
          prometheusType: 'Prometheus',
          disableRecordingRules: true,  // otherwise every page loads all rules, for hints in Explore
        },
      },
      {
        name: 'Alertmanager',
        uid: 'deckwatch-alertmanager',
        type: 'alertmanager',
        access: 'proxy',
        url: if urls.alertmanager == '' then '${DECKWATCH_ALERTMANAGER_URL}' else literal(urls.alertmanager),
        editable: false,
        jsonData: { implementation: 'prometheus', handleGrafanaManagedAlerts: false },
      },
    ] + [otherSource(kind, others[kind]) for kind in std.objectFields(others)],
  },

  // folders: [{uid, title, path}]; one provider each, which gives the folder a fixed uid. An empty uid: top level.
  dashboards(folders):: {
    apiVersion: 1,
    providers: [
      {
        name: 'deckwatch ' + folder.path,
        type: 'file',
        disableDeletion: false,
        allowUiUpdates: false,
        updateIntervalSeconds: 30,
        [if folder.uid != '' then 'folder']: literal(folder.title),
        [if folder.uid != '' then 'folderUid']: folder.uid,
        options: { path: '${DECKWATCH_BUNDLE}/grafana/dashboards/' + folder.path, foldersFromFilesStructure: false },
      }
      for folder in folders
    ],
  },
}
