// alertmanager.yml.
//
// spec: {
//   timing: { group_by, wait, interval, repeat, repeat_critical },
//   default: the receiver of what no route claims,
//   target: Alertmanager's version as a number, 25 for 0.25,
//   teams: { name: { kinds: { slack: options … }, hours: whether it has some, quiet: [names of times] } }, 'nobody' among
//     them without kinds,
//   times: [{ name, time_intervals }], of teams with hours by their names, and of quiet times,
//   steps: [teams that steps of escalation go to],
//   routes: [{ matchers, to: [names], quiet: [names of times], group: [labels], empty for the usual ones }],
//   inhibitions: [{ source, target, equal }],
// }
// `kinds` are the files of `receivers/`, by their names.
local receiver(name, team, kinds, target) =
  std.foldl(
    function(found, kind) found + kinds[kind].build(team.kinds[kind], target),
    std.objectFields(team.kinds),
    { name: name },
  );

// A critical alert is repeated more often than the others, whoever gets it.
local critical(spec, times) =
  [{ matchers: ['severity="critical"'], repeat_interval: spec.timing.repeat_critical } + times];

// One team of a route. All but the last go on to the next. A route does not hand its times on to those below it.
local route(spec, one, i) =
  local name = one.to[i];
  local team = spec.teams[name];
  local quiet = one.quiet + team.quiet;
  local times = (if team.hours then { active_time_intervals: [name] } else {})
                + (if quiet != [] then { mute_time_intervals: quiet } else {});
  { matchers: one.matchers, receiver: name, [if i < std.length(one.to) - 1 then 'continue']: true }
  + (if one.group != [] then { group_by: one.group } else {})
  + times
  + (if team.kinds == {} then {} else { routes: critical(spec, times) });

// What comes of `deckwatch alerts notify-test`: at once, and whatever the hour is.
local trial(name) = {
  matchers: ['alertname="NotificationTest"', 'team="%s"' % name],
  receiver: name,
  group_by: ['alertname', 'team', 'trial'],
  group_wait: '0s',
};

// A step of escalation goes to its team and to nobody else.
local step(name) = { matchers: ['escalation="%s"' % name], to: [name], quiet: [], group: [] };

function(spec, kinds)
  local used = std.set([kind for name in std.objectFields(spec.teams) for kind in std.objectFields(spec.teams[name].kinds)]);
  {
    // The templates of the kinds that are used; not a part of the configuration.
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
        route(spec, one, i)
        for one in [step(name) for name in spec.steps] + spec.routes
        for i in std.range(0, std.length(one.to) - 1)
      ],
    },
    [if spec.times != [] then 'time_intervals']: spec.times,
    inhibit_rules: [
      { source_matchers: one.source, target_matchers: one.target, equal: one.equal }
      for one in spec.inhibitions
    ],
    receivers: [receiver(name, spec.teams[name], kinds, spec.target) for name in std.objectFields(spec.teams)],
  }
