package org.diffusion4j.pretrained;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where a model comes from: what rides along in {@code provenance.json}, which diffusers ignores.
 * Immutable.
 *
 * @param facts by name, for example the data, the number of steps, the seed, the optimizer, the
 *     date
 */
public record Provenance(Map<String, String> facts) {

  private static final String LIBRARY = "library";

  public Provenance {
    facts = Collections.unmodifiableMap(new TreeMap<>(facts));
  }

  /** Of a model made by this version of the library, with nothing else known. */
  public static Provenance ofThisLibrary() {
    String version = Provenance.class.getPackage().getImplementationVersion();
    return new Provenance(
        Map.of(LIBRARY, "diffusion4j " + (version == null ? "development" : version)));
  }

  /** Of a model of which nothing is known. */
  public static Provenance unknown() {
    return new Provenance(Map.of());
  }

  /**
   * This with one more fact.
   *
   * @param name for example {@code data}
   * @param value for example {@code digits8x8, 3823 images}
   */
  public Provenance with(String name, Object value) {
    Map<String, String> more = new TreeMap<>(facts);
    more.put(name, String.valueOf(value));
    return new Provenance(more);
  }
}
