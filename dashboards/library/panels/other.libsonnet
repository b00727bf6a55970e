// A panel of any Grafana type, configured by `raw`.
local theme = import '../theme.libsonnet';

{
  words: { panel: "A panel of a Grafana type without a word, such as geomap; `raw` contains its configuration." },
  called: { plugin: 'panel', custom: 'panel' },
  grafana: { type: '', name: '', public: true },
  content: { description: "The id of the type in Grafana.", type: 'string', minLength: 1 },
  queries: '',
  height: 8,
  width: 4,
  options: {},
  example: {
    panel: 'news',
    title: 'News',
    description: 'News from elsewhere.',
    raw: { options: { feedUrl: 'https://example.org/feed.xml', showImage: false } },
  },

  panel(spec):: theme.panel(spec, spec.content, {}),
}
