// alertmanager.yml.
//
// spec: {
//   timing: { group_by, wait, interval, repeat, repeat_critical },
//   default: the receiver of alerts that no route matches,
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
  + (if team.kinds == {} then {} else { routes: critical(spec, times) });

// For `deckwatch alerts notify-test`: immediately, at any hour.
local trial(name) = {
  matchers: ['alertname="NotificationTest"', 'team="%s"' % name],
  receiver: name,
  group_by: ['alertname', 'team', 'trial'],
  group_wait: '0s',
};

// An escalation step notifies its team only.
local step(name) = { matchers: ['escalation="%s"' % name], to: [name], quiet: [], group: [] };

function(spec, kinds)
  local used = std.set([kind for name in std.objectFields(spec.teams) for kind in std.objectFields(spec.teams[name].kinds)]);
  {
    // The templates of the kinds in use; not a part of the configuration.
    texts: [std.get(kinds[kind], 'texts', '') for kind in used],
    templates: ['templates/*.tmpl'],
    route: {
      receiver: spec.default,
      group_by: spec.timing.group_by,
      group_wait: spec.timing.wait,
      group_interval: spec.timing.interval,
      repeat_interval: spec.timing.repeat,
      routes: [
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
    receivers: [receiver(name, spec.teams[name], kinds, spec.target) for name in std.objectFields(spec.teams)],
  }
