package org.diffusion4j.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * Reads a JSON object of a tokenizer's file.
 *
 * <p>An object is a {@code Map<String, Object>} in the order of the file, an array a {@code List},
 * an integer of 32 bits an {@code Integer}, any other number a {@code Double}.
 */
final class JsonObject {

  private static final int MAX_DEPTH = 20;
  private static final int MAX_VALUES = 1_000_000;

  // Names are not interned, because a file could fill the table or cause collisions.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxStringLength(100_000)
                  .maxNameLength(50_000)
                  .maxNumberLength(1000)
                  .build())
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .build();

  private final Path file;
  private final JsonParser parser;
  private int values;

  private JsonObject(Path file, JsonParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /**
   * Reads a text with one object.
   *
   * @param file named in errors
   */
  static Map<String, @Nullable Object> read(Path file, String text) throws IOException {
    try (JsonParser parser = FACTORY.createParser(text)) {
      var json = new JsonObject(file, parser);
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw json.error("must hold a JSON object");
      }
      Map<String, @Nullable Object> object = json.object();
      if (parser.nextToken() != null) {
        throw json.error("nothing may follow the JSON object");
      }
      return object;
    } catch (JsonProcessingException e) {
      throw new ModelFormatException(file, where(e.getLocation()) + e.getOriginalMessage(), e);
    }
  }

  private Map<String, @Nullable Object> object() throws IOException {
    var object = new LinkedHashMap<String, @Nullable Object>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      object.put(name, value(parser.nextToken()));
    }
    return object;
  }

  private List<@Nullable Object> array() throws IOException {
    var array = new ArrayList<@Nullable Object>();
    for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
      array.add(value(t));
    }
    return array;
  }

  private @Nullable Object value(JsonToken token) throws IOException {
    if (++values > MAX_VALUES) {
      throw error("must hold at most " + MAX_VALUES + " values");
    }
    return switch (token) {
      case START_OBJECT -> object();
      case START_ARRAY -> array();
      case VALUE_STRING -> parser.getText();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case VALUE_NUMBER_INT ->
          parser.getNumberType() == JsonParser.NumberType.INT
              ? (Object) parser.getIntValue()
              : parser.getDoubleValue();
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      default -> throw error("a value is expected but there is " + Shown.text(token));
    };
  }

  private ModelFormatException error(String problem) {
    return new ModelFormatException(file, where(parser.currentTokenLocation()) + problem);
  }

  private static String where(@Nullable JsonLocation at) {
    return at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
  }
}
