package org.diffusion4j.spring;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The health of all models, whatever Spring Boot's version. */
final class ModelHealth {

  private final Supplier<List<DiffusionModel>> models;

  ModelHealth(Supplier<List<DiffusionModel>> models) {
    this.models = models;
  }

  /** Whether all models are loaded. */
  boolean isUp() {
    return models.get().stream().allMatch(model -> model.failure().isEmpty());
  }

  /** Whether the application is shutting down. */
  boolean isOut() {
    return models.get().stream().anyMatch(model -> model.gate().isClosed());
  }

  /** What is known of each model, by its name. */
  Map<String, Object> details() {
    Map<String, Object> details = new LinkedHashMap<>();
    models.get().forEach(model -> details.put(model.name(), details(model)));
    return details;
  }

  private static Map<String, Object> details(DiffusionModel model) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("path", model.settings().path());
    model
        .failure()
        .ifPresentOrElse(
            failure -> details.put("failure", failure),
            () -> {
              List<Long> shape = new ArrayList<>();
              for (long size : model.pretrained().model().sampleShape()) {
                shape.add(size);
              }
              details.put("parameters", model.pretrained().model().parameterCount());
              details.put("sampleShape", shape);
              details.put("sampler", model.settings().sampler());
              details.put("steps", model.settings().steps());
            });
    details.put("running", model.running());
    details.put("waiting", model.waiting());
    return details;
  }
}
