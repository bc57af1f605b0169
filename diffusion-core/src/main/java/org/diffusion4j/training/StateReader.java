package org.diffusion4j.training;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Asks a JSON object for values of a type; what does not fit is an IllegalArgumentException. */
record StateReader(Map<String, @Nullable Object> values) {

  double number(String key) {
    return number(key, values.get(key));
  }

  static double number(String key, @Nullable Object value) {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw mustBe(key, "a number", value);
  }

  long integer(String key) {
    return integer(key, values.get(key));
  }

  static long integer(String key, @Nullable Object value) {
    if (value instanceof Long || value instanceof Integer) {
      return ((Number) value).longValue();
    }
    throw mustBe(key, "a whole number", value);
  }

  int count(String key) {
    long value = integer(key);
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw mustBe(key, "in [0, 2^31)", value);
    }
    return (int) value;
  }

  String text(String key) {
    if (values.get(key) instanceof String text) {
      return text;
    }
    throw mustBe(key, "a string", values.get(key));
  }

  List<? extends @Nullable Object> list(String key, int size) {
    if (values.get(key) instanceof List<?> list && list.size() == size) {
      return list;
    }
    throw mustBe(key, "a list of " + size, values.get(key));
  }

  StateReader object(String key) {
    if (values.get(key) instanceof Map<?, ?> map) {
      Map<String, @Nullable Object> object = new HashMap<>();
      map.forEach((name, value) -> object.put(String.valueOf(name), value));
      return new StateReader(object);
    }
    throw mustBe(key, "an object", values.get(key));
  }

  private static IllegalArgumentException mustBe(String key, String what, @Nullable Object value) {
    return new IllegalArgumentException(key + " must be " + what + " but was " + value);
  }
}
