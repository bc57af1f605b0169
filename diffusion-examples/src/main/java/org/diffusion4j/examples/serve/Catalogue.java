package org.diffusion4j.examples.serve;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.diffusion4j.examples.serve.PictureModel.Traits;

/** What may be asked for, as JSON: the models with their defaults, the samplers and the limits. */
final class Catalogue {

  private Catalogue() {}

  static String json(Collection<PictureModel> models, List<String> samplers) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("models", models.stream().map(model -> of(model.traits())).toList());
    all.put("samplers", samplers);
    all.put("tasks", List.of("draw", "repaint", "blend"));
    all.put(
        "limits",
        Map.of(
            "count", OrderReader.MOST_PICTURES,
            "frames", OrderReader.MOST_PICTURES,
            "steps", OrderReader.MOST_STEPS,
            "guidance", OrderReader.MOST_GUIDANCE,
            "prompt", OrderReader.LONGEST_TEXT,
            "seed", OrderReader.MOST_SEED));
    return Answer.json(all);
  }

  private static Map<String, Object> of(Traits traits) {
    Map<String, Object> one = new LinkedHashMap<>();
    one.put("name", traits.name());
    one.put("kind", traits.kind().name().toLowerCase(Locale.ROOT));
    one.put("classes", traits.classes());
    one.put("width", traits.width());
    one.put("height", traits.height());
    one.put("channels", traits.channels());
    one.put("guided", traits.guided());
    one.put("maxSteps", Math.min(OrderReader.MOST_STEPS, traits.mostSteps()));
    one.put(
        "defaults",
        Map.of(
            "sampler", OrderReader.SAMPLER,
            "steps", Math.min(OrderReader.STEPS, traits.mostSteps()),
            "guidance", OrderReader.defaultGuidance(traits)));
    return one;
  }
}
