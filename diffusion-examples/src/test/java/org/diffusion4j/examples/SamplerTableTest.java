package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.diffusion4j.Sampler;
import org.diffusion4j.samplers.Samplers;
import org.junit.jupiter.api.Test;

/** That the tables of samplers, in README and Javadoc, list what there is. */
class SamplerTableTest {

  private static final Path README = Path.of("..", "README.md");
  private static final Path JAVADOC =
      Path.of("..", "diffusion-samplers/src/main/java/org/diffusion4j/samplers/package-info.java");

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");
  private static final Pattern LINK =
      Pattern.compile("<tr><td>\\{@link org\\.diffusion4j\\.samplers\\.(\\w+)}");

  @Test
  void readme_listsEverySampler() throws IOException {
    Set<String> classes = new TreeSet<>();
    rows().forEach(row -> classes.addAll(row.classes));
    assertThat(classes).isEqualTo(samplers());
  }

  @Test
  void readme_listsEveryNameBesideItsClass() throws IOException {
    Map<String, Row> byName = new TreeMap<>();
    rows().forEach(row -> row.names.forEach(name -> byName.put(name, row)));
    assertThat(byName.keySet()).containsExactlyInAnyOrderElementsOf(Samplers.names());
    byName.forEach(
        (name, row) -> {
          Class<?> type = Samplers.named(name, 4).getClass();
          if (Modifier.isPublic(type.getModifiers())) {
            assertThat(row.classes).as(name).contains(type.getSimpleName());
          } else {
            assertThat(row.classes).as(name).isEmpty();
          }
        });
  }

  @Test
  void javadoc_listsEverySampler() throws IOException {
    Set<String> linked =
        LINK.matcher(Files.readString(JAVADOC))
            .results()
            .map(found -> found.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(linked).isEqualTo(samplers());
  }

  /** A row of the README's table; those of samplers that are not public have no classes. */
  private record Row(Set<String> classes, Set<String> names) {}

  private static List<Row> rows() throws IOException {
    List<String> lines = Files.readAllLines(README);
    return lines.subList(lines.indexOf("## Samplers"), lines.size()).stream()
        .dropWhile(line -> !line.startsWith("|"))
        .skip(2)
        .takeWhile(line -> line.startsWith("|"))
        .map(line -> line.split("\\|"))
        .map(cells -> new Row(code(cells[1]), code(cells[2])))
        .toList();
  }

  private static Set<String> code(String cell) {
    return CODE.matcher(cell)
        .results()
        .map((MatchResult found) -> found.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** The simple names of the public samplers. */
  private static Set<String> samplers() {
    return RulesTest.LIBRARY.stream()
        .filter(type -> type.getPackageName().equals("org.diffusion4j.samplers"))
        .filter(type -> type.isAssignableTo(Sampler.class))
        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
        .filter(type -> !type.getModifiers().contains(JavaModifier.ABSTRACT))
        .filter(JavaClass::isTopLevelClass)
        .map(JavaClass::getSimpleName)
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
