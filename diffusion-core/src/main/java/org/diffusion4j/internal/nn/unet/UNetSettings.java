package org.diffusion4j.internal.nn.unet;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.diffusion4j.internal.common.Shown;
import org.diffusion4j.internal.files.JsonSettings;
import org.jspecify.annotations.Nullable;

/** Diffusers' settings by name, and requirements that are refused by name. */
final class UNetSettings {

  static final int MOST_CHANNELS = 1 << 16;

  private final Map<String, @Nullable Object> values;
  private final JsonSettings json;

  /**
   * @param values all settings, as {@link ConditionalUNetSettings} has them
   */
  UNetSettings(Map<String, @Nullable Object> values) {
    this.values = values;
    json = new JsonSettings(values);
  }

  @Nullable Object get(String key) {
    return values.get(key);
  }

  boolean isNull(String key) {
    return values.get(key) == null;
  }

  boolean flag(String key) {
    return json.flag(key);
  }

  double number(String key) {
    return json.number(key);
  }

  double positive(String key) {
    double value = json.number(key);
    require(value > 0, key + " must be positive but was " + value);
    return value;
  }

  int integer(String key, int least, int most) {
    return in(key, json.integer(key), least, most);
  }

  @Nullable Integer integerOrNull(String key) {
    return json.integerOrNull(key);
  }

  List<Integer> integers(String key) {
    return List.of(json.integers(key));
  }

  int[] oneOrTwo(String key) {
    return json.oneOrTwo(key);
  }

  int channels(String key) {
    return integer(key, 1, MOST_CHANNELS);
  }

  OptionalInt channelsOrNull(String key) {
    return isNull(key) ? OptionalInt.empty() : OptionalInt.of(channels(key));
  }

  /** Channels that another setting needs. */
  int channelsFor(String key, String with) {
    require(
        !isNull(key),
        key + " must be set with " + with + " " + Shown.text(get(with)) + " but was null");
    return channels(key);
  }

  <V> V oneOf(String key, Map<String, V> supported) {
    return json.oneOf(key, supported);
  }

  <V> List<V> allOf(String key, Map<String, V> supported) {
    return json.allOf(key, "blocks", supported);
  }

  void requireOneOf(String key, @Nullable Object... supported) {
    List<@Nullable Object> all = Arrays.asList(supported);
    require(
        all.contains(get(key)),
        key
            + " must be "
            + (all.size() == 1 ? String.valueOf(all.get(0)) : "one of " + all)
            + " but was "
            + Shown.text(get(key)));
  }

  /** A list with a value for each level, or one value for all. */
  List<?> perLevel(String key, int count) {
    Object value = get(key);
    if (value instanceof List<?> list) {
      requireCount(key, list, count);
      return list;
    }
    return Collections.nCopies(count, value);
  }

  static void requireCount(String key, List<?> values, int count) {
    require(
        values.size() == count,
        key + " must be as many as block_out_channels, " + count + ", but were " + values.size());
  }

  /** An entry of a list. */
  static int integer(String key, @Nullable Object value, int least, int most) {
    if (value instanceof Long number && number.intValue() == number) {
      return in(key, number.intValue(), least, most);
    }
    throw new IllegalArgumentException(
        key + " must be of whole numbers but one is " + Shown.text(value));
  }

  /** An entry of a list. */
  static boolean flag(String key, @Nullable Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw new IllegalArgumentException(
        key + " must be of booleans but one is " + Shown.text(value));
  }

  static void requireDivides(String what, int divisor, int channels) {
    require(
        channels % divisor == 0,
        what + " must divide the channels of its level, " + channels + ", but was " + divisor);
  }

  static int in(String what, int value, int least, int most) {
    require(
        value >= least && value <= most,
        what + " must be in [" + least + ", " + most + "] but was " + value);
    return value;
  }

  static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
