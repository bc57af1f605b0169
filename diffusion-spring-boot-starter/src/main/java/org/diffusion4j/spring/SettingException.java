package org.diffusion4j.spring;

import org.jspecify.annotations.Nullable;

/** A property of a model is not acceptable. The message is a sentence that begins with its name. */
final class SettingException extends RuntimeException {

  private static final long serialVersionUID = 1;

  SettingException(String model, String property, String problem, @Nullable Throwable cause) {
    super(name(model, property) + " " + problem, cause);
  }

  static String name(String model, String property) {
    return DiffusionProperties.PREFIX + ".models." + model + "." + property;
  }
}
