/**
 * Spring Boot: model directories in {@code application.yml} become beans, {@link
 * org.diffusion4j.spring.DiffusionModel}. See docs/spring.md.
 */
@NullMarked
package org.diffusion4j.spring;

import org.jspecify.annotations.NullMarked;
