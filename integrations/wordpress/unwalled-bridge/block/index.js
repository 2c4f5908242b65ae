/** The block in the editor: its choices, and a quiet place-holder. The editor loads nothing from the operator. */
(({ blocks, blockEditor, components, element, i18n }) => {
  const { __ } = i18n;
  const make = element.createElement;
  const own = { label: __("As in the settings", "unwalled-bridge"), value: "" };
  const LAYOUTS = {
    panel: __("Panel", "unwalled-bridge"),
    banner: __("Banner", "unwalled-bridge"),
    badge: __("Badge", "unwalled-bridge"),
    floating: __("Floating", "unwalled-bridge"),
  };
  const THEMES = {
    auto: __("As the visitor’s device", "unwalled-bridge"),
    light: __("Light", "unwalled-bridge"),
    dark: __("Dark", "unwalled-bridge"),
  };
  const options = (values) => [own, ...Object.entries(values).map(([value, label]) => ({ value, label }))];

  function Edit({ attributes, setAttributes }) {
    const select = (name, label, values) =>
      make(components.SelectControl, {
        label,
        value: attributes[name],
        options: options(values),
        onChange: (value) => setAttributes({ [name]: value }),
      });
    const numbers = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [String(index + 1), String(index + 1)]));
    return make(
      "div",
      blockEditor.useBlockProps(),
      make(
        blockEditor.InspectorControls,
        null,
        make(
          components.PanelBody,
          { title: __("How it looks", "unwalled-bridge") },
          select("layout", __("Layout", "unwalled-bridge"), LAYOUTS),
          select("theme", __("Colours", "unwalled-bridge"), THEMES),
          select("maxReaders", __("People at once", "unwalled-bridge"), numbers),
          make(components.TextControl, {
            label: __("Language", "unwalled-bridge"),
            help: __("Such as fa or zh-Hant. Empty: that of the page.", "unwalled-bridge"),
            value: attributes.lang,
            onChange: (lang) => setAttributes({ lang }),
          }),
        ),
      ),
      make(components.Placeholder, {
        icon: "share",
        label: __("Unwalled switch", "unwalled-bridge"),
        instructions: __("Visitors see the switch here. It is off until they turn it on.", "unwalled-bridge"),
      }),
    );
  }

  blocks.registerBlockType("unwalled/bridge", { edit: Edit, save: () => null });
})(window.wp);
