// prometheus.yml: the jobs of the contract, with targets from files beside it.
//
// settings: {
//   interval, timeout: durations; labels: external labels;
//   jobs: {name: {collect?, exclude?, target_per?}} as in contract.yaml; order: their names;
//   accesses: [{label, host, config}] for protected hosts, whose targets carry the label; access_label: its name
//   engines: [{docker, network?}]; scrape_label: the container label with port and path of its page, as 8000/metrics
// }
local targets(name) = [{ files: ['targets/%s.yaml' % name], refresh_interval: '1m' }];

local parameters(job) = std.prune({
  params: {
    [if 'collect' in job then 'collect[]']: job.collect,
    [if 'exclude' in job then 'exclude[]']: job.exclude,
  },
});

// One exporter, several jobs: each with the collectors of the exporter that it replaces.
local exporterJob(name, job) = parameters(job) {
  job_name: name,
  file_sd_configs: targets(if 'target_per' in job then name else 'hosts'),
};

// Authentication is set per scrape configuration. So each job has one for the unprotected hosts and one for each access
// of protected ones; all read the same target files and keep different targets.
local withAccesses(job, settings) =
  local by(action, regex) = { source_labels: [settings.access_label], regex: regex, action: action };
  if settings.accesses == [] then [job] else
    [job { relabel_configs: [by('drop', '.+')] }] + [
      job + access.config + {
        job_name: '%s (%s)' % [job.job_name, access.host],
        relabel_configs: [by('keep', access.label), { target_label: 'job', replacement: job.job_name }],
      }
      for access in settings.accesses
    ];

local otherJob(name, file) = { job_name: name, file_sd_configs: targets(file) };

local escaped(name) = std.join('', [if std.member('.+*?()[]{}|^$\\', c) then '\\' + c else c for c in std.stringChars(name)]);

// The containers of an engine that carry the scrape label. The engine returns only these, with one address for each
// exposed port; the label's port reduces them to one.
local engineJob(engine, settings) =
  local page = '__meta_docker_container_label_' + std.strReplace(settings.scrape_label, '.', '_');
  local network = '__meta_docker_network_name';
  local service = '__meta_docker_container_label_com_docker_compose_service';
  {
    job_name: 'app (%s)' % engine.docker,
    docker_sd_configs: [{
      host: engine.docker,
      refresh_interval: '15s',
      filters: [{ name: 'label', values: [settings.scrape_label] }],
    }],
    relabel_configs: [
      { source_labels: [page], regex: '[0-9]+(/.*)?', action: 'keep' },
    ] + (
      if 'network' in engine then [{ source_labels: [network], regex: escaped(engine.network), action: 'keep' }] else []
    ) + [
      { source_labels: ['__address__', page], regex: '(.+):[0-9]+;([0-9]+)(/.*)?', replacement: '$1:$2', target_label: '__address__' },
      { source_labels: [page], regex: '[0-9]+(/.+)', target_label: '__metrics_path__' },
      { source_labels: ['__meta_docker_container_name'], regex: '/(.+)', target_label: 'instance' },
      { source_labels: ['instance'], target_label: 'service' },
      { source_labels: [service], regex: '(.+)', target_label: 'service' },
      { target_label: 'job', replacement: 'app' },
    ],
  };

function(settings) {
  global: {
    scrape_interval: settings.interval,
    scrape_timeout: settings.timeout,
    evaluation_interval: settings.interval,
    [if settings.labels != {} then 'external_labels']: settings.labels,
  },
  rule_files: ['rules/*.yaml'],
  alerting: { alertmanagers: [{ file_sd_configs: targets('alertmanager') }] },
  scrape_configs:
    std.flatMap(function(name) withAccesses(exporterJob(name, settings.jobs[name]), settings), settings.order)
    + [otherJob('app', 'applications')]
    + [engineJob(engine, settings) for engine in settings.engines]
    + [otherJob('prometheus', 'prometheus'), otherJob('alertmanager', 'alertmanager')],
}
