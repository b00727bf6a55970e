// prometheus.yml: the jobs of the contract, with targets from files beside it.
//
// settings: {
//   interval, timeout: durations; labels: external labels;
//   jobs: {name: {collect?, exclude?, target_per?}} as in contract.yaml; order: their names;
//   accesses: [{label, host, config}], for protected hosts, whose targets have this label; access_label: its name
//   engines: [{docker, network?}]; scrape_label: a container's label that says where its page is, as 8000/metrics
// }
local targets(name) = [{ files: ['targets/%s.yaml' % name], refresh_interval: '1m' }];

local parameters(job) = std.prune({
  params: {
    [if 'collect' in job then 'collect[]']: job.collect,
    [if 'exclude' in job then 'exclude[]']: job.exclude,
  },
});

// One exporter, several jobs: each with the collectors that its peer would have.
local exporterJob(name, job) = parameters(job) {
  job_name: name,
  file_sd_configs: targets(if 'target_per' in job then name else 'hosts'),
};

// Only a scrape configuration can say how to open a page. So a job is one for the open hosts, and one more for each way
// to open protected ones; all read the same targets and differ in those that they keep.
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

// The containers of an engine that ask for it by a label. The engine is asked for these only; of their addresses, one
// for each port that they expose, the port of the label makes one.
local engineJob(engine, settings) =
  local said = '__meta_docker_container_label_' + std.strReplace(settings.scrape_label, '.', '_');
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
      { source_labels: [said], regex: '[0-9]+(/.*)?', action: 'keep' },
    ] + (
      if 'network' in engine then [{ source_labels: [network], regex: escaped(engine.network), action: 'keep' }] else []
    ) + [
      { source_labels: ['__address__', said], regex: '(.+):[0-9]+;([0-9]+)(/.*)?', replacement: '$1:$2', target_label: '__address__' },
      { source_labels: [said], regex: '[0-9]+(/.+)', target_label: '__metrics_path__' },
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
