<?php
/**
 * What a visitor's browser gets: one element for each switch, and one script for all of them.
 *
 * @package Unwalled
 */

namespace Unwalled\Bridge;

defined( 'ABSPATH' ) || exit;

/** Whether a page has a switch, and so needs the script. */
final class Page {
	/** @var bool */
	public static $has_switch = false;
}

/**
 * The shortcode [unwalled_bridge layout="" theme="" lang="" max_readers=""].
 *
 * @param array|string $given Its attributes; WordPress gives "" where there are none.
 */
function render_shortcode( $given ): string {
	return render( look( is_array( $given ) ? $given : array(), settings() ) );
}

/**
 * The block; its attributes have the names of the editor.
 *
 * @param array $given Its attributes.
 */
function render_block( array $given ): string {
	$given['max_readers'] = $given['maxReaders'] ?? '';
	$markup               = render( look( $given, settings() ) );
	return '' === $markup ? '' : '<div ' . get_block_wrapper_attributes() . '>' . $markup . '</div>';
}

/** One switch, or "" as long as no operator is named. */
function render( array $look ): string {
	if ( '' === settings()['operator'] ) {
		return '';
	}
	Page::$has_switch = true;
	$attributes       = '';
	foreach ( array( 'layout', 'theme', 'lang', 'max_readers' ) as $name ) {
		if ( PLAIN[ $name ] !== $look[ $name ] ) {
			$attributes .= ' ' . str_replace( '_', '-', $name ) . '="' . esc_attr( (string) $look[ $name ] ) . '"';
		}
	}
	$fallback = __( 'The switch needs JavaScript and a browser of the last three years.', 'unwalled-bridge' );
	return '<unwalled-bridge' . $attributes . '>' . esc_html( $fallback ) . '</unwalled-bridge>';
}

/** At the end of a page: the switch that stands on every page, if one is wanted, and the script if there is any switch. */
function print_footer(): void {
	$settings = settings();
	if ( '' !== $settings['everywhere'] && ! Page::$has_switch ) {
		// All of it is escaped where it is made.
		echo render( array_merge( $settings, array( 'layout' => $settings['everywhere'] ) ) ); // phpcs:ignore WordPress.Security.EscapeOutput
	}
	if ( Page::$has_switch ) {
		wp_print_script_tag( script_attributes( $settings ) );
	}
}

/** With version and hash the browser refuses a script that was changed. */
function script_attributes( array $settings ): array {
	$operator = $settings['operator'];
	if ( '' === $settings['version'] || '' === $settings['integrity'] ) {
		return array(
			'type' => 'module',
			'src'  => esc_url_raw( $operator . '/widget.js' ),
		);
	}
	return array(
		'type'        => 'module',
		'src'         => esc_url_raw( $operator . '/widget/' . $settings['version'] . '/widget.js' ),
		'integrity'   => $settings['integrity'],
		'crossorigin' => 'anonymous',
	);
}
