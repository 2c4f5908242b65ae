<?php
/**
 * What a site may choose of the switch. Whatever else comes in, from a form or from a post, counts as not said.
 *
 * @package Unwalled
 */

namespace Unwalled\Bridge;

defined( 'ABSPATH' ) || exit;

const OPTION       = 'unwalled_bridge';
const LAYOUTS      = array( 'panel', 'banner', 'badge', 'floating' );
const THEMES       = array( 'auto', 'light', 'dark' );
const PLACES       = array( '', 'badge', 'banner', 'floating' );
const LOOPBACK     = array( 'localhost', '127.0.0.1', '[::1]' );
const MOST_READERS = 8;
const PLAIN        = array(
	'operator'    => '',
	'version'     => '',
	'integrity'   => '',
	'layout'      => 'panel',
	'theme'       => 'auto',
	'lang'        => '',
	'max_readers' => MOST_READERS,
	'everywhere'  => '',
);

/** The settings as they are stored, checked again: a database can be changed by others, too. */
function settings(): array {
	return checked( get_option( OPTION, array() ) );
}

/**
 * Checks settings, whoever gives them.
 *
 * @param mixed $given What the form or the database holds.
 */
function checked( $given ): array {
	$given = is_array( $given ) ? $given : array();
	return array_merge(
		look( $given, PLAIN ),
		array(
			'operator'   => operator_url( text( $given, 'operator' ) ),
			'version'    => matching( '/^[0-9a-f]{16}$/D', text( $given, 'version' ) ),
			'integrity'  => matching( '#^sha384-[A-Za-z0-9+/]{64}$#D', text( $given, 'integrity' ) ),
			'everywhere' => one_of( PLACES, text( $given, 'everywhere' ), '' ),
		)
	);
}

/**
 * How one switch looks.
 *
 * @param array $given  Attributes of a block or a shortcode.
 * @param array $others What holds where they say nothing.
 */
function look( array $given, array $others ): array {
	$readers = text( $given, 'max_readers' );
	return array(
		'layout'      => one_of( LAYOUTS, text( $given, 'layout' ), $others['layout'] ),
		'theme'       => one_of( THEMES, text( $given, 'theme' ), $others['theme'] ),
		'lang'        => matching( '/^[a-z]{2}(-[A-Z][a-z]{3})?$/D', text( $given, 'lang' ) ) ?: $others['lang'],
		'max_readers' => preg_match( '/^[1-8]$/D', $readers ) ? (int) $readers : $others['max_readers'],
	);
}

/** A base URL without user, query, fragment and slash at its end; "" for what no operator can have. */
function operator_url( string $given ): string {
	$parts = wp_parse_url( trim( $given ) );
	if ( ! is_array( $parts ) || ! isset( $parts['scheme'], $parts['host'] ) || isset( $parts['user'] ) ) {
		return '';
	}
	$scheme = strtolower( $parts['scheme'] );
	$host   = strtolower( $parts['host'] );
	$path   = rtrim( $parts['path'] ?? '', '/' );
	// Anything odd is refused rather than mended: this names whose script a site runs.
	$is_plain = preg_match( '/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])$/D', $host ) && preg_match( '#^(?:/[A-Za-z0-9._~-]+)*$#D', $path );
	// Without encryption anybody on the way could put a script of their own in its place; nobody is on the way to one's own machine.
	$is_safe = 'https' === $scheme || ( 'http' === $scheme && in_array( $host, LOOPBACK, true ) );
	if ( ! $is_safe || ! $is_plain || strpos( $path, '..' ) !== false ) {
		return '';
	}
	return $scheme . '://' . $host . ( isset( $parts['port'] ) ? ':' . (int) $parts['port'] : '' ) . $path;
}

function text( array $given, string $name ): string {
	$value = $given[ $name ] ?? '';
	return is_scalar( $value ) ? trim( (string) $value ) : '';
}

function one_of( array $values, string $given, string $otherwise ): string {
	return in_array( $given, $values, true ) ? $given : $otherwise;
}

function matching( string $pattern, string $given ): string {
	return preg_match( $pattern, $given ) ? $given : '';
}
