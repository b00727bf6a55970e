// A graph of dependencies, made of series alone.
local theme = import '../theme.libsonnet';

// Grafana identifies the ends of an edge and the name of a node by label names.
local relabeled(expr, to, from) =
  if to == from then expr else 'label_replace(' + expr + ', "' + to + '", "$1", "' + from + '", "(.+)")';

local arrows(query, options) =
  local ends = relabeled(relabeled(query.expr, 'source', theme.get(options, 'from', 'source')), 'target', theme.get(options, 'to', 'target'));
  query { expr: 'label_join(' + ends + ', "id", " > ", "source", "target")' };

local circles(query, options) =
  local name = theme.get(options, 'name', 'id');
  query { expr: relabeled(relabeled(query.expr, 'id', name), 'title', name) };

{
  words: { dependencies: 'A graph of dependencies: one series per edge, with the labels that name its two ends.' },
  called: { nodegraph: 'dependencies', nodeGraph: 'dependencies', node_graph: 'dependencies', servicemap: 'dependencies', topology: 'dependencies' },
  grafana: { type: 'nodeGraph', name: 'Node Graph', public: true },
  content: { '$ref': '#/$defs/query' },
  queries: 'graph',
  height: 12,
  width: 8,
  options: {
    from: { description: 'The label of the dependent component.', '$ref': '#/$defs/label_name', default: 'source' },
    to: { description: 'The label of its dependency.', '$ref': '#/$defs/label_name', default: 'target' },
    nodes: { description: 'A signal, a metric or PromQL with one series per node; its value is shown in the node.', '$ref': '#/$defs/query', examples: ['sum by (service) (up)'] },
    name: { description: 'The label of `nodes` that names the node.', '$ref': '#/$defs/label_name', default: 'id' },
  },
  example: {
    dependencies: 'up',
    from: 'job',
    to: 'instance',
    title: 'Targets by job',
    description: 'The targets of each job.',
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local queries = [if query.ref == 'nodes' then circles(query, options) else arrows(query, options) for query in spec.queries];
    local value(query) = if std.length(queries) == 1 then 'Value' else 'Value #' + query.ref;
    theme.queried(spec { queries: queries }, 'nodeGraph', 'table', {
      options: {
        nodes: { mainStatUnit: theme.get(spec, 'unit', 'short') },
        edges: {},
      },
      transformations: [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { [value(query)]: true for query in queries if query.ref == 'edges' },
            indexByName: {},
            renameByName: { [value(query)]: 'mainstat' for query in queries if query.ref == 'nodes' },
          },
        },
      ],
    }),
}
