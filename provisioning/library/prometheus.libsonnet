// prometheus.yml: the jobs of the contract, with targets from files beside it.
//
// settings: {
//   interval, timeout: durations; labels: external labels;
//   jobs: {name: {collect?, exclude?, target_per?}} as in contract.yaml; order: their names;
//   accesses: [{label, host, config}], for protected hosts, whose targets have this label; access_label: its name
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
    + [otherJob('app', 'applications'), otherJob('prometheus', 'prometheus'), otherJob('alertmanager', 'alertmanager')],
}
