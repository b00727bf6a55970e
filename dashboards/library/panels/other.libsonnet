// A panel of any type: what has no word here is said by Grafana's own.
local theme = import '../theme.libsonnet';

{
  words: { panel: "A panel of a type of Grafana's that has no word here, such as geomap; all of it stands under raw:." },
  called: { plugin: 'panel', custom: 'panel' },
  grafana: { type: '', name: '', public: true },
  content: { description: "The type, by Grafana's id of it.", type: 'string', minLength: 1 },
  queries: '',
  height: 8,
  width: 4,
  options: {},
  example: {
    panel: 'news',
    title: 'News',
    description: 'What is new elsewhere.',
    raw: { options: { feedUrl: 'https://example.org/feed.xml', showImage: false } },
  },

  panel(spec):: theme.panel(spec, spec.content, {}),
}
