package org.diffusion4j.training;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * Reads typed values of a JSON object; throws {@link ModelFormatException} if the type differs.
 *
 * @param file the file, for messages
 */
record StateReader(Path file, Map<String, @Nullable Object> values) {

  double number(String key) throws ModelFormatException {
    return number(key, values.get(key));
  }

  double number(String key, @Nullable Object value) throws ModelFormatException {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw mustBe(key, "a number", value);
  }

  long integer(String key, long least, long most) throws ModelFormatException {
    return integer(key, values.get(key), least, most);
  }

  long integer(String key, @Nullable Object value, long least, long most)
      throws ModelFormatException {
    if ((value instanceof Long || value instanceof Integer)
        && ((Number) value).longValue() >= least
        && ((Number) value).longValue() <= most) {
      return ((Number) value).longValue();
    }
    throw mustBe(key, "a whole number in [" + least + ", " + most + "]", value);
  }

  int count(String key) throws ModelFormatException {
    return (int) integer(key, 0, Integer.MAX_VALUE);
  }

  boolean has(String key) {
    return values.containsKey(key);
  }

  String text(String key) throws ModelFormatException {
    if (values.get(key) instanceof String text) {
      return text;
    }
    throw mustBe(key, "a string", values.get(key));
  }

  List<? extends @Nullable Object> list(String key) throws ModelFormatException {
    if (values.get(key) instanceof List<?> list) {
      return list;
    }
    throw mustBe(key, "a list", values.get(key));
  }

  List<? extends @Nullable Object> list(String key, int size) throws ModelFormatException {
    List<? extends @Nullable Object> list = list(key);
    if (list.size() == size) {
      return list;
    }
    throw mustBe(key, "a list of " + size, list);
  }

  StateReader object(String key) throws ModelFormatException {
    if (values.get(key) instanceof Map<?, ?> map) {
      Map<String, @Nullable Object> object = new HashMap<>();
      map.forEach((name, value) -> object.put(String.valueOf(name), value));
      return new StateReader(file, object);
    }
    throw mustBe(key, "an object", values.get(key));
  }

  ModelFormatException mustBe(String key, String what, @Nullable Object value) {
    return new ModelFormatException(
        file, key + " must be " + what + " but was " + Shown.text(value));
  }
}
