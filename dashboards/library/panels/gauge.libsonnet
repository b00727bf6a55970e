// A value in its range, as a dial.
local theme = import '../theme.libsonnet';

// What the gauge of Grafana 13 (in 12.4 by the feature toggle newGauge) needs to look like the former one: `shape` tells
// it that the panel was written for it; otherwise it discards part of the options.
local newer = {
  shape: 'gauge',
  textMode: 'value_and_name',
  effects: { gradient: false },
  sparkline: false,
  segmentCount: 1,
  barShape: 'flat',
  barWidthFactor: 0.5,
  endpointMarker: 'none',
};

{
  words: { gauge: 'The current value in its range, as a dial; set min and max, or use a ratio.' },
  called: { dial: 'gauge', radial: 'gauge' },
  grafana: {
    type: 'gauge', name: 'Gauge', public: true, figure: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'instant',
  height: 6,
  width: 3,
  options: {
    labels: { description: 'Show the thresholds on the dial.', type: 'boolean', default: false },
  },
  example: { gauge: 'node_load1', title: 'Load', description: 'Load relative to eight.', max: 8 },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local ratio = theme.get(spec, 'unit', '') == 'percentunit';
    local ends = { min: 0 } + (if ratio then { max: 1 } else if spec.unit == 'percent' then { max: 100 } else {});
    // A gauge of one series hides its name; the highest of several needs it.
    local named = if std.objectHas(spec, 'top') then { defaults+: { displayName: '${__series.name}' } } else {};
    theme.queried(spec, 'gauge', 'instant', {
      fieldConfig: theme.fieldConfig(ends + spec, { mode: 'thresholds' }, {}, theme.nothing(spec)) + named,
      options: {
        orientation: 'auto',
        reduceOptions: theme.reduce,
        showThresholdLabels: theme.get(options, 'labels', false),
        showThresholdMarkers: true,
        sizing: 'auto',
        minVizWidth: 75,
        minVizHeight: 75,
      } + newer + theme.figures(spec, 48),
    }),
}
