package org.diffusion4j.internal.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.google.common.io.ByteStreams;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.diffusion4j.ModelFormatException;
import org.diffusion4j.internal.AtomicFiles;
import org.diffusion4j.internal.common.Shown;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON objects of model files strictly, and writes them like Python's {@code json} module.
 *
 * <p>An object is a {@code Map<String, Object>} in the order of the file, an array a {@code List},
 * an integer of 64 bits a {@code Long}, any other number a {@code Double}: Python writes 1e30 as an
 * integer. {@code NaN}, {@code Infinity} and {@code -Infinity} are numbers, as in Python.
 */
public final class Json {

  /** The order of strings by code points, which is that of their UTF-8 bytes. */
  public static final Comparator<String> CODE_POINT_ORDER =
      Comparator.comparing(s -> s.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned);

  private static final long MAX_FILE_LENGTH = 64L << 20;
  private static final int MAX_DEPTH = 100;
  private static final int MAX_VALUES = 1_000_000;
  private static final Set<String> NON_FINITE = Set.of("NaN", "Infinity", "-Infinity");

  // Names are not interned, because a file could fill the table or cause collisions.
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxStringLength(20_000_000)
                  .maxNameLength(50_000)
                  .maxNumberLength(1000)
                  .build())
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(StreamReadFeature.AUTO_CLOSE_SOURCE)
          .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
          .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
          .build();

  private final Path file;
  private final String part;
  private final JsonParser parser;
  private int values;

  private Json(Path file, String part, JsonParser parser) {
    this.file = file;
    this.part = part;
    this.parser = parser;
  }

  /** Reads a file of at most 64 MiB with one object. */
  public static Map<String, @Nullable Object> read(Path file) throws IOException {
    try (FileChannel channel = ModelFiles.open(file)) {
      long length = channel.size();
      if (length > MAX_FILE_LENGTH) {
        throw new ModelFormatException(
            file, "length must be at most " + MAX_FILE_LENGTH + " bytes but was " + length);
      }
      return read(file, "", ByteStreams.limit(Channels.newInputStream(channel), length));
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw ModelFiles.unreadable(file, e);
    }
  }

  /**
   * Reads one object, followed only by white space.
   *
   * @param file named in errors
   * @param part the part of the file, as errors put it before the line and column: {@code "header,
   *     "}
   * @param in UTF-8; not closed
   */
  public static Map<String, @Nullable Object> read(Path file, String part, InputStream in)
      throws IOException {
    var characters = new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder());
    try (JsonParser parser = FACTORY.createParser(characters)) {
      var json = new Json(file, part, parser);
      try {
        return json.document();
      } catch (JsonProcessingException e) {
        throw json.error(e.getLocation(), e.getOriginalMessage(), e);
      } catch (CharacterCodingException e) {
        throw json.error(parser.currentLocation(), "must be UTF-8 but is not", e);
      }
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw ModelFiles.unreadable(file, e);
    }
  }

  private Map<String, @Nullable Object> document() throws IOException {
    JsonToken first = parser.nextToken();
    if (first != JsonToken.START_OBJECT) {
      throw refuse("must hold a JSON object but holds " + (first == null ? "nothing" : first));
    }
    Map<String, @Nullable Object> object = object();
    if (parser.nextToken() != null) {
      throw refuse("nothing may follow the JSON object");
    }
    return object;
  }

  private Map<String, @Nullable Object> object() throws IOException {
    var object = new LinkedHashMap<String, @Nullable Object>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken token = parser.nextToken();
      if (object.containsKey(name)) {
        throw refuse("names must be unique but \"" + Shown.text(name) + "\" is there twice");
      }
      object.put(name, value(token));
    }
    return object;
  }

  private List<@Nullable Object> array() throws IOException {
    var array = new ArrayList<@Nullable Object>(4);
    for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
      array.add(value(t));
    }
    return array;
  }

  private @Nullable Object value(JsonToken token) throws IOException {
    if (++values > MAX_VALUES) {
      throw refuse("must hold at most " + MAX_VALUES + " values");
    }
    return switch (token) {
      case START_OBJECT -> object();
      case START_ARRAY -> array();
      case VALUE_STRING -> parser.getText();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case VALUE_NUMBER_INT -> integer();
      case VALUE_NUMBER_FLOAT -> floatingPoint();
      default -> throw refuse("a value is expected but there is " + token);
    };
  }

  private Object integer() throws IOException {
    return parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
        ? (Object) floatingPoint()
        : (Object) parser.getLongValue();
  }

  private double floatingPoint() throws IOException {
    String text = parser.getText();
    double value = parser.getDoubleValue();
    if (!Double.isFinite(value) && !NON_FINITE.contains(text)) {
      throw refuse("numbers must fit into a double but there is " + Shown.text(text));
    }
    return value;
  }

  private ModelFormatException refuse(String problem) {
    return error(parser.currentTokenLocation(), problem, null);
  }

  private ModelFormatException error(
      @Nullable JsonLocation at, String problem, @Nullable Exception cause) {
    String where =
        at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
    return new ModelFormatException(file, part + where + problem, cause);
  }

  /**
   * Writes an object like {@code json.dumps(object, indent=2, sort_keys=True) + " "} in Python.
   *
   * @param object of maps, lists, strings, booleans, integers, doubles and nulls
   * @throws IllegalArgumentException for a value of another type
   */
  public static void write(Path file, Map<String, ? extends @Nullable Object> object)
      throws IOException {
    String text = format(object);
    AtomicFiles.writeFile(file, path -> Files.writeString(path, text));
  }

  /** The text that {@link #write} writes; ASCII only. */
  public static String format(Map<String, ? extends @Nullable Object> object) throws IOException {
    var indent = new DefaultIndenter("  ", "\n");
    var printer =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""))
            .withObjectIndenter(indent)
            .withArrayIndenter(indent);
    var text = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(text)) {
      // Python also escapes character 127.
      generator.setPrettyPrinter(printer).setHighestNonEscapedChar(126);
      writeValue(generator, object, true);
    }
    return text.append('\n').toString();
  }

  /** An object on one line in UTF-8, without spaces, with names in the order of the map. */
  public static byte[] compact(Map<String, ?> object) throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (JsonGenerator generator = FACTORY.createGenerator(bytes)) {
      writeValue(generator, object, false);
    }
    return bytes.toByteArray();
  }

  private static void writeValue(JsonGenerator generator, @Nullable Object value, boolean sorted)
      throws IOException {
    if (value == null) {
      generator.writeNull();
    } else if (value instanceof String s) {
      generator.writeString(s);
    } else if (value instanceof Boolean b) {
      generator.writeBoolean(b);
    } else if (value instanceof Long || value instanceof Integer) {
      generator.writeNumber(((Number) value).longValue());
    } else if (value instanceof Double d) {
      generator.writeNumber(PythonFloat.format(d));
    } else if (value instanceof List<?> list) {
      generator.writeStartArray();
      for (Object element : list) {
        writeValue(generator, element, sorted);
      }
      generator.writeEndArray();
    } else if (value instanceof Map<?, ?> map) {
      generator.writeStartObject();
      for (Map.Entry<?, ?> entry : (sorted ? sorted(map) : map).entrySet()) {
        generator.writeFieldName((String) entry.getKey());
        writeValue(generator, entry.getValue(), sorted);
      }
      generator.writeEndObject();
    } else {
      throw new IllegalArgumentException(
          "values must be maps, lists, strings, booleans, Integer, Long, Double or null but one is "
              + value.getClass().getName());
    }
  }

  private static Map<String, @Nullable Object> sorted(Map<?, ?> map) {
    var sorted = new TreeMap<String, @Nullable Object>(CODE_POINT_ORDER);
    map.forEach((name, value) -> sorted.put((String) name, value));
    return sorted;
  }
}
