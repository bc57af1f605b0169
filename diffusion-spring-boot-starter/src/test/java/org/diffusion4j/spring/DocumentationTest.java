package org.diffusion4j.spring;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.springframework.boot.context.annotation.ImportCandidates;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** What is said of the properties, for editors and for people, is what they are. */
class DocumentationTest {

  private static final Path PAGE = Path.of("..", "docs", "spring.md");

  private static String kebab(RecordComponent component) {
    return component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
  }

  private static String metadata() throws IOException {
    try (InputStream in =
        DocumentationTest.class.getResourceAsStream(
            "/META-INF/spring-configuration-metadata.json")) {
      return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Record components keep their annotations in the constructor's parameters. */
  private static List<String> defaults(Class<?> record) {
    return Arrays.stream(record.getDeclaredConstructors()[0].getParameters())
        .map(parameter -> parameter.getAnnotation(DefaultValue.class))
        .map(value -> value == null ? "" : String.join(",", value.value()))
        .toList();
  }

  @Test
  void metadata_describesEveryPropertyWithItsDefault() throws IOException {
    String metadata = metadata();
    RecordComponent[] components = DiffusionProperties.class.getRecordComponents();
    List<String> defaults = defaults(DiffusionProperties.class);
    for (int i = 0; i < components.length; i++) {
      String property = "\"diffusion." + kebab(components[i]) + "\"";
      assertThat(metadata).contains("\"name\": " + property);
      String entry = metadata.substring(metadata.indexOf(property));
      entry = entry.substring(0, entry.indexOf('}'));
      Class<?> type = components[i].getType();
      String name = type == boolean.class ? Boolean.class.getName() : type.getName();
      assertThat(entry).contains("\"type\": \"" + name);
      if (!defaults.get(i).isEmpty()) {
        assertThat(entry.replace("\"", "")).contains("defaultValue: " + defaults.get(i));
      }
    }
    assertThat(Pattern.compile("\"name\": \"diffusion\\.").matcher(metadata).results())
        .hasSize(components.length);
  }

  @Test
  void page_describesEveryPropertyWithItsDefault() throws IOException {
    String page = Files.readString(PAGE);
    Stream.of(DiffusionProperties.class, DiffusionProperties.Model.class)
        .forEach(
            record -> {
              RecordComponent[] components = record.getRecordComponents();
              List<String> defaults = defaults(record);
              for (int i = 0; i < components.length; i++) {
                if (components[i].getName().equals("models")) {
                  continue;
                }
                String value = defaults.get(i).isEmpty() ? "" : "`" + defaults.get(i) + "`";
                assertThat(page)
                    .containsPattern(
                        Pattern.compile(
                            "\\| `[a-z.<>-]*"
                                + kebab(components[i])
                                + "` \\| *"
                                + Pattern.quote(value)
                                + " *\\|"));
              }
            });
  }

  @Test
  void defaults_areThoseOfTheDocumentation() {
    Models.application(Path.of("missing"), "diffusion.fail-fast=false")
        .run(
            context -> {
              DiffusionProperties properties = context.getBean(DiffusionProperties.class);
              assertThat(properties.shutdownTimeout()).isEqualTo(Duration.ofSeconds(20));
              assertThat(properties.models().get("digits"))
                  .isEqualTo(
                      new DiffusionProperties.Model(
                          "missing",
                          "ddim",
                          2,
                          null,
                          null,
                          64,
                          null,
                          2,
                          16,
                          Duration.ofSeconds(30)));
            });
  }

  @Test
  void springBoot_findsTheConfiguration() {
    assertThat(
            ImportCandidates.load(
                org.springframework.boot.autoconfigure.AutoConfiguration.class,
                DocumentationTest.class.getClassLoader()))
        .contains(DiffusionAutoConfiguration.class.getName());
  }
}
