package org.diffusion4j.pretrained;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names of diffusers' files and classes. */
final class DiffusersFormat {

  /** The release whose format is written. */
  static final String VERSION = "0.30.3";

  static final String INDEX = "model_index.json";
  static final String CONFIG = "config.json";
  static final String WEIGHTS_NAME = "diffusion_pytorch_model";
  static final String WEIGHTS = WEIGHTS_NAME + ".safetensors";
  static final String SHARD_INDEX = WEIGHTS + ".index.json";
  static final String SCHEDULER_CONFIG = "scheduler_config.json";
  static final String PROVENANCE = "provenance.json";
  static final String SCHEDULER = "scheduler";
  static final String CLASS_NAME = "_class_name";
  static final String VERSION_NAME = "_diffusers_version";
  static final String LIBRARY = "diffusers";
  static final String OUR_LIBRARY = "diffusion4j";

  private DiffusersFormat() {}

  /** Whether a setting's value is neutral: null, false or empty. */
  static boolean isNeutral(@Nullable Object value) {
    return value == null
        || value.equals(false)
        || value.equals("")
        || value.equals(List.of())
        || value.equals(Map.of());
  }
}
