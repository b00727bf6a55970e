// alertmanager.yml.
//
// spec: {
//   timing: { group_by, wait, interval, repeat, repeat_critical },
//   default: the receiver of what no route claims,
//   target: Alertmanager's version as a number, 25 for 0.25,
//   teams: { name: { kinds: { slack: options … }, hours? } }, 'nobody' among them without kinds,
//   routes: [{ matchers, to: [names] }],
//   inhibitions: [{ source, target, equal }],
// }
// `kinds` are the files of `receivers/`, by their names.
local receiver(name, team, kinds, target) =
  std.foldl(
    function(found, kind) found + kinds[kind].build(team.kinds[kind], target),
    std.objectFields(team.kinds),
    { name: name },
  );

local interval(name, hours) = {
  name: name,
  time_intervals: [{
    [if 'days' in hours then 'weekdays']: hours.days,
    [if 'from' in hours then 'times']: [{ start_time: hours.from, end_time: hours.to }],
    [if 'zone' in hours then 'location']: hours.zone,
  }],
};

// A critical alert is repeated more often than the others, whoever gets it.
local critical(spec, times) =
  [{ matchers: ['severity="critical"'], repeat_interval: spec.timing.repeat_critical } + times];

// One team of a route. All but the last go on to the next. A route does not hand its times on to those below it.
local route(spec, one, i) =
  local name = one.to[i];
  local team = spec.teams[name];
  local times = if 'hours' in team then { active_time_intervals: [name] } else {};
  { matchers: one.matchers, receiver: name, [if i < std.length(one.to) - 1 then 'continue']: true }
  + times
  + (if team.kinds == {} then {} else { routes: critical(spec, times) });

function(spec, kinds)
  local intervals = [
    interval(name, spec.teams[name].hours)
    for name in std.objectFields(spec.teams)
    if 'hours' in spec.teams[name]
  ];
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
        route(spec, one, i)
        for one in spec.routes
        for i in std.range(0, std.length(one.to) - 1)
      ],
    },
    [if intervals != [] then 'time_intervals']: intervals,
    inhibit_rules: [
      { source_matchers: one.source, target_matchers: one.target, equal: one.equal }
      for one in spec.inhibitions
    ],
    receivers: [receiver(name, spec.teams[name], kinds, spec.target) for name in std.objectFields(spec.teams)],
  }
