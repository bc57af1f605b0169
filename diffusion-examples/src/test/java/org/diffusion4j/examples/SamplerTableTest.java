package org.diffusion4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import java.io.IOException;
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
    assertThat(new TreeSet<>(names().keySet())).isEqualTo(samplers());
  }

  @Test
  void readme_listsEveryNameBesideItsClass() throws IOException {
    Map<String, Set<String>> listed = names();
    assertThat(listed.values().stream().flatMap(Set::stream).collect(Collectors.toSet()))
        .containsExactlyInAnyOrderElementsOf(Samplers.names());
    for (String name : Samplers.names()) {
      String sampler = Samplers.named(name, 4).getClass().getSimpleName();
      assertThat(listed.get(sampler)).as(sampler).contains(name);
    }
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

  /** The names in each row of the README's table, by each class of that row. */
  private static Map<String, Set<String>> names() throws IOException {
    List<String> lines = Files.readAllLines(README);
    Map<String, Set<String>> names = new TreeMap<>();
    lines.subList(lines.indexOf("## Samplers"), lines.size()).stream()
        .dropWhile(line -> !line.startsWith("|"))
        .skip(2)
        .takeWhile(line -> line.startsWith("|"))
        .map(line -> line.split("\\|"))
        .forEach(cells -> code(cells[1]).forEach(sampler -> names.put(sampler, code(cells[2]))));
    return names;
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
