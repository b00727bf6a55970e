// alertmanager.yml.
//
// spec: {
//   timing: { group_by, wait, interval, repeat, repeat_critical },
//   group_probes_by: labels by which alerts on probes are grouped, [] in a project without probes,
//   address: at which people open Alertmanager, '' for its own --web.external-url,
//   default: the receiver of alerts that no route matches,
//   watchdog: { name, alert, kinds, group_interval, repeat_interval } of the dead man's switch, or null,
//   target: Alertmanager's version as a number, 25 for 0.25,
//   teams: { name: { kinds: { slack: options … }, hours: whether it has any, quiet: [names of times] } },
//     including 'nobody' without kinds,
//   times: [{ name, time_intervals }]: hours under the names of teams, and quiet times,
//   steps: [teams that escalation steps notify],
//   routes: [{ matchers, to: [names], quiet: [names of times], group: [labels], empty for the default }],
//   inhibitions: [{ source, target, equal }],
// }
// `kinds` are the files of `receivers/`, by their names.
local receiver(name, team, kinds, target) =
  std.foldl(
    function(fields, kind) fields + kinds[kind].build(team.kinds[kind], target),
    std.objectFields(team.kinds),
    { name: name },
  );

// Critical alerts are repeated more often than others, for every team.
local critical(spec, times) =
  [{ matchers: ['severity="critical"'], repeat_interval: spec.timing.repeat_critical } + times];

local probes(spec, times) =
  if spec.group_probes_by == [] then [] else [
    {
      matchers: ['job="blackbox"'],
      group_by: spec.group_probes_by,
      routes: critical(spec, times),
    } + times,
  ];

// One team of a route; all but the last continue to the next. Child routes do not inherit times.
local route(spec, entry, i) =
  local name = entry.to[i];
  local team = spec.teams[name];
  local quiet = entry.quiet + team.quiet;
  local times = (if team.hours then { active_time_intervals: [name] } else {})
                + (if quiet != [] then { mute_time_intervals: quiet } else {});
  { matchers: entry.matchers, receiver: name, [if i < std.length(entry.to) - 1 then 'continue']: true }
  + (if entry.group != [] then { group_by: entry.group } else {})
  + times
  + (if team.kinds == {} then {} else {
    routes: (if entry.group == [] then probes(spec, times) else []) + critical(spec, times),
  });

// For `deckwatch alerts notify-test`: immediately, at any hour.
local trial(name) = {
  matchers: ['alertname="NotificationTest"', 'team="%s"' % name],
  receiver: name,
  group_by: ['alertname', 'team', 'trial'],
  group_wait: '0s',
};

// Before all other routes and without times: what mutes other alerts must not raise a false alarm.
local switch(watchdog) = {
  matchers: ['alertname="%s"' % watchdog.alert],
  receiver: watchdog.name,
  group_by: ['alertname'],
  group_wait: '0s',
  group_interval: watchdog.group_interval,
  repeat_interval: watchdog.repeat_interval,
};

// An escalation step notifies its team only.
local step(name) = { matchers: ['escalation="%s"' % name], to: [name], quiet: [], group: [] };

function(spec, kinds)
  local switches = if spec.watchdog == null then [] else [spec.watchdog];
  local used = std.set(
    [kind for name in std.objectFields(spec.teams) for kind in std.objectFields(spec.teams[name].kinds)]
    + [kind for watchdog in switches for kind in std.objectFields(watchdog.kinds)]
  );
  {
    // The templates of the kinds in use; not a part of the configuration.
    texts: [
      '{{ define "deckwatch.alertmanager" }}%s{{ end }}\n' % (if spec.address == '' then '{{ .ExternalURL }}' else spec.address),
    ] + [std.get(kinds[kind], 'texts', '') for kind in used],
    templates: ['templates/*.tmpl'],
    route: {
      receiver: spec.default,
      group_by: spec.timing.group_by,
      group_wait: spec.timing.wait,
      group_interval: spec.timing.interval,
      repeat_interval: spec.timing.repeat,
      routes: [switch(watchdog) for watchdog in switches] + [
        trial(name)
        for name in std.objectFields(spec.teams)
        if spec.teams[name].kinds != {}
      ] + [
        route(spec, entry, i)
        for entry in [step(name) for name in spec.steps] + spec.routes
        for i in std.range(0, std.length(entry.to) - 1)
      ],
    },
    [if spec.times != [] then 'time_intervals']: spec.times,
    inhibit_rules: [
      { source_matchers: rule.source, target_matchers: rule.target, equal: rule.equal }
      for rule in spec.inhibitions
    ],
    receivers: [receiver(name, spec.teams[name], kinds, spec.target) for name in std.objectFields(spec.teams)]
               + [receiver(watchdog.name, watchdog, kinds, spec.target) for watchdog in switches],
  }
