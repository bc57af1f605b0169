package org.diffusion4j.internal.files;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The names of diffusers' files and classes. */
public final class DiffusersFormat {

  /** The release whose format is written. */
  public static final String VERSION = "0.30.3";

  public static final String INDEX = "model_index.json";
  public static final String CONFIG = "config.json";

  /** The name of networks' weights, without {@code .safetensors}. */
  public static final String WEIGHTS_NAME = "diffusion_pytorch_model";

  /** The same for text encoders, which are models of transformers. */
  public static final String TEXT_WEIGHTS_NAME = "model";

  public static final String WEIGHTS = WEIGHTS_NAME + ".safetensors";
  public static final String TEXT_LIBRARY = "transformers";
  public static final String SCHEDULER_CONFIG = "scheduler_config.json";
  public static final String PROVENANCE = "provenance.json";
  public static final String SCHEDULER = "scheduler";
  public static final String CLASS_NAME = "_class_name";
  public static final String VERSION_NAME = "_diffusers_version";
  public static final String LIBRARY = "diffusers";
  public static final String OUR_LIBRARY = "diffusion4j";

  private DiffusersFormat() {}

  /** Whether a setting's value is neutral: null, false or empty. */
  public static boolean isNeutral(@Nullable Object value) {
    return value == null
        || value.equals(false)
        || value.equals("")
        || value.equals(List.of())
        || value.equals(Map.of());
  }
}
