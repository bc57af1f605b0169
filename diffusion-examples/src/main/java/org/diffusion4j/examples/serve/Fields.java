package org.diffusion4j.examples.serve;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The fields of a JSON object, each of which is asked for once, with its limits. */
final class Fields {

  private static final int MOST_SHOWN = 40;
  private static final int DEEPEST = 8;

  private static final JSON READER =
      JSON.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(DEEPEST).build())
                  .build())
          .build();

  /** Where the object is: {@code "from."} of the one in field {@code from}. */
  private final String path;

  private final Map<String, @Nullable Object> left;

  private Fields(String path, Map<String, @Nullable Object> values) {
    this.path = path;
    left = values;
  }

  /**
   * Reads one object in UTF-8.
   *
   * @throws Refusal if it is anything else
   */
  static Fields of(byte[] json) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json)).toString();
      try (JsonParser parser = READER.createParser(text)) {
        Object value = READER.anyFrom(parser);
        if (!(value instanceof Map) || parser.nextToken() != null) {
          throw Refusal.badRequest("body must be one JSON object but was something else");
        }
        return new Fields("", copy((Map<?, ?>) value));
      }
    } catch (CharacterCodingException e) {
      throw Refusal.badRequest("body must be UTF-8 but was not");
    } catch (IOException e) {
      throw Refusal.badRequest("body must be one JSON object but could not be read as JSON");
    }
  }

  private static Map<String, @Nullable Object> copy(Map<?, ?> values) {
    Map<String, @Nullable Object> copy = new LinkedHashMap<>();
    values.forEach((name, value) -> copy.put(String.valueOf(name), value));
    return copy;
  }

  /** Whether a field is there and not null. */
  boolean has(String name) {
    return left.get(name) != null;
  }

  /** A text; empty if it is absent. */
  String text(String name, int longest) {
    Object value = left.remove(name);
    if (value == null) {
      return "";
    }
    if (!(value instanceof String text)) {
      throw refuse(name, "a text", value);
    }
    if (text.length() > longest) {
      throw Refusal.badRequest(
          path + name + " must have at most " + longest + " characters but had " + text.length());
    }
    return text;
  }

  /** A whole number in a range; empty if it is absent. */
  OptionalLong whole(String name, long least, long most) {
    Object value = left.remove(name);
    if (value == null) {
      return OptionalLong.empty();
    }
    String range = "a whole number in [" + least + ", " + most + "]";
    if (!(value instanceof Integer || value instanceof Long)) {
      throw refuse(name, range, value);
    }
    long number = ((Number) value).longValue();
    if (number < least || number > most) {
      throw refuse(name, range, value);
    }
    return OptionalLong.of(number);
  }

  /** A number in a range. */
  double number(String name, double least, double most, double absent) {
    Object value = left.remove(name);
    if (value == null) {
      return absent;
    }
    double number = value instanceof Number n ? n.doubleValue() : Double.NaN;
    if (!(number >= least && number <= most)) {
      throw refuse(name, "a number in [" + least + ", " + most + "]", value);
    }
    return number;
  }

  /** A field that is not looked at further; null if it is absent. */
  @Nullable Object any(String name) {
    return left.remove(name);
  }

  /** An object. */
  Fields object(String name) {
    Object value = left.remove(name);
    if (!(value instanceof Map<?, ?> values)) {
      throw refuse(name, "an object", value);
    }
    return new Fields(path + name + ".", copy(values));
  }

  /** Refuses a value of a field. */
  Refusal refuse(String name, String requirement, @Nullable Object value) {
    return Refusal.badRequest(path + name + " must be " + requirement + " but was " + shown(value));
  }

  /** Refuses fields that nobody asked for. */
  void requireNoMore() {
    for (String name : left.keySet()) {
      throw Refusal.badRequest(path + shortened(name) + " is not a field of this request");
    }
  }

  private static String shown(@Nullable Object value) {
    if (value == null) {
      return "absent";
    }
    if (value instanceof String text) {
      return '"' + shortened(text) + '"';
    }
    return value instanceof Number || value instanceof Boolean
        ? shortened(value.toString())
        : value instanceof Map ? "an object" : "a list";
  }

  private static String shortened(String text) {
    String line = text.replaceAll("\\p{Cntrl}", " ");
    return line.length() <= MOST_SHOWN ? line : line.substring(0, MOST_SHOWN) + "...";
  }
}
