package org.diffusion4j.examples.serve;

import org.jspecify.annotations.Nullable;

/**
 * One picture of an order.
 *
 * @param noise from which it is drawn
 * @param subject what it shows
 * @param toward what it also shows, the more the further its noise is on its way; null if only one
 *     thing
 * @param known the part of a picture that it keeps; null if all of it is new
 */
record Sample(Noise noise, Subject subject, @Nullable Subject toward, @Nullable Known known) {

  /** A new picture of one thing. */
  static Sample of(Noise noise, Subject subject) {
    return new Sample(noise, subject, null, null);
  }

  /** A picture of one thing of which a part is known. */
  static Sample of(Noise noise, Subject subject, @Nullable Known known) {
    return new Sample(noise, subject, null, known);
  }

  /**
   * What a picture shows.
   *
   * @param label its class; -1 for a model without classes
   * @param text its text; empty for a model without texts
   */
  record Subject(int label, String text) {}
}
