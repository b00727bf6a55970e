// Grafana's provisioning: where the figures come from and where the dashboards lie. Addresses and the bundle's own
// place come from the environment, so that one bundle serves Compose and `deckwatch up`.
// Grafana puts variables of its environment in the place of $NAME; $$ is a $.
local literal(text) = std.strReplace(text, '$', '$$');

local names = { loki: 'Loki', jaeger: 'Jaeger', postgres: 'PostgreSQL' };

local other(kind, said) = {
  name: names[kind],
  uid: 'deckwatch-' + kind,
  type: if kind == 'postgres' then 'grafana-postgresql-datasource' else kind,
  access: 'proxy',
  url: literal(if kind == 'postgres' then said.address else said.url),
  editable: false,
} + (
  if kind != 'postgres' then {} else {
    user: literal(said.user),
    jsonData: { database: literal(said.database), sslmode: said.tls },
    [if std.objectHas(said, 'password_file') then 'secureJsonData']: { password: '$__file{' + said.password_file + '}' },
  }
);

{
  // interval: the real scrape interval. Grafana makes $__rate_interval of it, and a wrong one gives empty rates.
  // others: {loki, jaeger, postgres} as the project names them.
  datasources(interval, others={}):: {
    apiVersion: 1,
    prune: true,
    datasources: [
      {
        name: 'Prometheus',
        uid: 'deckwatch-prometheus',
        type: 'prometheus',
        access: 'proxy',
        url: '${DECKWATCH_PROMETHEUS_URL}',
        isDefault: true,
        editable: false,
        jsonData: {
          httpMethod: 'POST',
          timeInterval: interval,
          manageAlerts: true,
          alertmanagerUid: 'deckwatch-alertmanager',
          prometheusType: 'Prometheus',
        },
      },
      {
        name: 'Alertmanager',
        uid: 'deckwatch-alertmanager',
        type: 'alertmanager',
        access: 'proxy',
        url: '${DECKWATCH_ALERTMANAGER_URL}',
        editable: false,
        jsonData: { implementation: 'prometheus', handleGrafanaManagedAlerts: false },
      },
    ] + [other(kind, others[kind]) for kind in std.objectFields(others)],
  },

  // folders: [{uid, title, path}]; one provider each, since only so a folder has a uid that stays. No uid: top level.
  dashboards(folders):: {
    apiVersion: 1,
    providers: [
      {
        name: 'deckwatch ' + folder.path,
        type: 'file',
        disableDeletion: false,
        allowUiUpdates: false,
        updateIntervalSeconds: 30,
        [if folder.uid != '' then 'folder']: folder.title,
        [if folder.uid != '' then 'folderUid']: folder.uid,
        options: { path: '${DECKWATCH_BUNDLE}/grafana/dashboards/' + folder.path, foldersFromFilesStructure: false },
      }
      for folder in folders
    ],
  },
}
