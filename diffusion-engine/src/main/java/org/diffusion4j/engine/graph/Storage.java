package org.diffusion4j.plan;

import org.jspecify.annotations.Nullable;

/**
 * Where values live: a part of the arena, an array of the graph, or a part of the gradient. Several
 * values share one when they are views of each other or when a step writes over what it read last.
 */
final class Storage {

  enum Kind {
    /** In the arena, for as long as it is needed. */
    ARENA,
    /** A weight or a constant, which belongs to the graph. */
    WEIGHT,
    /** A weight's gradient, which belongs to the caller. */
    GRADIENT,
    /** An array of its own, for what is not FLOAT. */
    APART
  }

  private @Nullable Storage sameAs;
  private Kind kind = Kind.ARENA;
  private String weight = "";
  private long floats;
  private int first = Integer.MAX_VALUE;
  private int last = -1;
  private long offset = -1;

  Storage(long floats) {
    this.floats = floats;
  }

  /** A weight's or a constant's array, or its gradient. */
  static Storage of(Kind kind, String weight, long floats) {
    Storage storage = new Storage(floats);
    storage.kind = kind;
    storage.weight = weight;
    return storage;
  }

  Storage root() {
    Storage s = this;
    while (s.sameAs != null) {
      s = s.sameAs;
    }
    return s;
  }

  /** Makes this the same storage as another, which lives as long as either. */
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
  void becomeGradient(String name) {
    Storage root = root();
    root.kind = Kind.GRADIENT;
    root.weight = name;
  }

  /** Notes that step {@code index} reads or writes it. */
  void touch(int index) {
    Storage root = root();
    root.first = Math.min(root.first, index);
    root.last = Math.max(root.last, index);
  }

  Kind kind() {
    return root().kind;
  }

  String weight() {
    return root().weight;
  }

  long floats() {
    return root().floats;
  }

  int first() {
    return root().first;
  }

  int last() {
    return root().last;
  }

  long offset() {
    return root().offset;
  }

  void place(long at) {
    root().offset = at;
  }

  boolean overlapsInTime(Storage other) {
    return first() <= other.last() && other.first() <= last();
  }
}
