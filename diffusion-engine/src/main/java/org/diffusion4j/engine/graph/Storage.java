package org.diffusion4j.engine.graph;

import org.jspecify.annotations.Nullable;

/**
 * The memory of values: a part of the arena, an array of the graph, or a part of the gradient.
 * Values share one if they are views of each other, or if a node overwrites its input.
 */
public final class Storage {

  public enum Kind {
    /** A part of the arena, for as long as it is needed. */
    ARENA,
    /** A weight or a constant, owned by the graph. */
    WEIGHT,
    /** A weight's gradient, owned by the caller. */
    GRADIENT,
    /** A separate array, for values that are not FLOAT. */
    APART
  }

  private @Nullable Storage sameAs;
  private Kind kind = Kind.ARENA;
  private String weight = "";
  private long floats;
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private long offset = -1;

  public Storage(long floats) {
    this.floats = floats;
  }

  /** A weight's or a constant's array, or its gradient. */
  public static Storage of(Kind kind, String weight, long floats) {
    Storage storage = new Storage(floats);
    storage.kind = kind;
    storage.weight = weight;
    return storage;
  }

  public Storage root() {
    Storage s = this;
    while (s.sameAs != null) {
      s = s.sameAs;
    }
    return s;
  }

  /** Merges this with another storage, whose lifetime then covers both. */
  void merge(Storage other) {
    Storage mine = root();
    Storage theirs = other.root();
    if (mine != theirs) {
      theirs.first = Math.min(theirs.first, mine.first);
      theirs.last = Math.max(theirs.last, mine.last);
      theirs.floats = Math.max(theirs.floats, mine.floats);
      mine.sameAs = theirs;
    }
  }

  /** Moves an arena storage to a weight's gradient. */
  public void becomeGradient(String name) {
    Storage root = root();
    root.kind = Kind.GRADIENT;
    root.weight = name;
  }

  /** Records that node {@code index} reads or writes it. */
  void touch(int index) {
    Storage root = root();
    root.first = Math.min(root.first, index);
    root.last = Math.max(root.last, index);
  }

  public Kind kind() {
    return root().kind;
  }

  public String weight() {
    return root().weight;
  }

  public long floats() {
    return root().floats;
  }

  int first() {
    return root().first;
  }

  int last() {
    return root().last;
  }

  public long offset() {
    return root().offset;
  }

  void place(long at) {
    root().offset = at;
  }

  boolean overlapsInTime(Storage other) {
    return first() <= other.last() && other.first() <= last();
  }
}
