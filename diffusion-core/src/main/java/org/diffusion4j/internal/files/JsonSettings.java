package org.diffusion4j.internal.files;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a configuration file by name. A setting of another type than requested is refused
 * with an {@link IllegalArgumentException} that names it.
 */
public final class JsonSettings {

  private final Map<String, @Nullable Object> values;

  public JsonSettings(Map<String, ? extends @Nullable Object> values) {
    this.values = Collections.unmodifiableMap(new TreeMap<>(values));
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public @Nullable Object get(String key) {
    return values.get(key);
  }

  /**
   * Warns about unknown settings, except names that start with an underscore, and values that are
   * null, false or empty.
   */
  public void warnOfUnknown(Set<String> known, Consumer<String> warnings) {
    Set<String> unknown = new TreeSet<>(values.keySet());
    unknown.removeAll(known);
    unknown.removeIf(key -> key.startsWith("_") || isNeutral(values.get(key)));
    if (!unknown.isEmpty()) {
      warnings.accept("settings that are unknown and ignored: " + Shown.list(unknown));
    }
  }

  private static boolean isNeutral(@Nullable Object value) {
    return value == null
        || value.equals(false)
        || value.equals("")
        || value.equals(List.of())
        || value.equals(Map.of());
  }

  public boolean flag(String key) {
    if (values.get(key) instanceof Boolean flag) {
      return flag;
    }
    throw mustBe(key, "true or false");
  }

  public double number(String key) {
    if (values.get(key) instanceof Number number && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw mustBe(key, "a finite number");
  }

  public int integer(String key) {
    Object value = values.get(key);
    if (value instanceof Number number && isInteger(value)) {
      return number.intValue();
    }
    throw mustBe(key, "a whole number");
  }

  public @Nullable Integer integerOrNull(String key) {
    return values.get(key) == null ? null : (Integer) integer(key);
  }

  /** A list of whole numbers. */
  public Integer[] integers(String key) {
    if (!(values.get(key) instanceof List<?> list)
        || !list.stream().allMatch(JsonSettings::isInteger)) {
      throw mustBe(key, "a list of whole numbers");
    }
    return list.stream().map(number -> ((Number) number).intValue()).toArray(Integer[]::new);
  }

  public String text(String key) {
    if (values.get(key) instanceof String text) {
      return text;
    }
    throw mustBe(key, "a string");
  }

  /** The shape of an array: a list of whole numbers of at least 0. */
  public List<Long> shape(String key) {
    return shape(key, values.get(key));
  }

  /** Shapes by name. */
  public Map<String, List<Long>> shapes(String key) {
    if (!(values.get(key) instanceof Map<?, ?> map)) {
      throw mustBe(key, "an object of shapes");
    }
    Map<String, List<Long>> shapes = new LinkedHashMap<>();
    map.forEach((name, shape) -> shapes.put(String.valueOf(name), shape(key, shape)));
    return shapes;
  }

  private List<Long> shape(String key, @Nullable Object value) {
    List<Long> shape = new ArrayList<>();
    for (Object size : value instanceof List<?> list ? list : Arrays.asList(value)) {
      if (!(size instanceof Number number)
          || number.longValue() != number.doubleValue()
          || number.longValue() < 0) {
        throw new IllegalArgumentException(
            key + " must be of whole numbers from 0 on but one is " + Shown.text(size));
      }
      shape.add(number.longValue());
    }
    return shape;
  }

  /** A list of two numbers, or one number for both. */
  public int[] oneOrTwo(String key) {
    Object value = values.get(key);
    if (value instanceof Number && isInteger(value)) {
      return new int[] {integer(key), integer(key)};
    }
    if (value instanceof List<?> list
        && list.size() == 2
        && list.stream().allMatch(JsonSettings::isInteger)) {
      Integer[] two = integers(key);
      return new int[] {two[0], two[1]};
    }
    throw mustBe(key, "a whole number or two");
  }

  private static boolean isInteger(@Nullable Object value) {
    return value instanceof Number number && number.intValue() == number.doubleValue();
  }

  public <V> V oneOf(String key, Map<String, V> supported) {
    V found = values.get(key) instanceof String name ? supported.get(name) : null;
    if (found == null) {
      throw mustBe(key, "one of " + new TreeSet<>(supported.keySet()));
    }
    return found;
  }

  public <V> List<V> allOf(String key, String what, Map<String, V> supported) {
    if (!(values.get(key) instanceof List<?> names)) {
      throw mustBe(key, "a list of " + what);
    }
    List<V> found = new ArrayList<>();
    for (Object name : names) {
      V value = name instanceof String text ? supported.get(text) : null;
      if (value == null) {
        throw new IllegalArgumentException(
            key
                + " must be of "
                + new TreeSet<>(supported.keySet())
                + " but one is "
                + Shown.text(name));
      }
      found.add(value);
    }
    return found;
  }

  private IllegalArgumentException mustBe(String key, String what) {
    return new IllegalArgumentException(
        key + " must be " + what + " but was " + Shown.text(values.get(key)));
  }
}
