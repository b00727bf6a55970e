// Grafana's provisioning: where the figures come from and where the dashboards lie. Addresses and the bundle's own
// place come from the environment, so that one bundle serves Compose and `deckwatch up`.
{
  // interval: the real scrape interval. Grafana makes $__rate_interval of it, and a wrong one gives empty rates.
  datasources(interval):: {
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
    ],
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
