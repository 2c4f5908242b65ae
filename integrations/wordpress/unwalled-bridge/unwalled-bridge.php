<?php
/**
 * Plugin Name:       Unwalled switch
 * Description:       Visitors lend their browser, with one switch, to people for whom the news is blocked. A block and a shortcode.
 * Version:           0.1.0
 * Requires at least: 6.3
 * Requires PHP:      7.4
 * License:           Apache-2.0
 * License URI:       https://www.apache.org/licenses/LICENSE-2.0
 * Text Domain:       unwalled-bridge
 *
 * It stores nothing about visitors, sends nothing itself, and writes no inline script or style. The switch's script is
 * loaded from the operator that is named in the settings, and only on pages that have a switch.
 *
 * @package Unwalled
 */

namespace Unwalled\Bridge;

defined( 'ABSPATH' ) || exit;

require_once __DIR__ . '/includes/choice.php';
require_once __DIR__ . '/includes/markup.php';
require_once __DIR__ . '/includes/settings.php';

add_action( 'init', __NAMESPACE__ . '\register_block' );
add_action( 'admin_init', __NAMESPACE__ . '\register_settings' );
add_action( 'admin_menu', __NAMESPACE__ . '\add_settings_page' );
add_action( 'wp_footer', __NAMESPACE__ . '\print_footer' );
add_shortcode( 'unwalled_bridge', __NAMESPACE__ . '\render_shortcode' );

/** The block's files say what it is; the server writes it. */
function register_block(): void {
	register_block_type( __DIR__ . '/block', array( 'render_callback' => __NAMESPACE__ . '\render_block' ) );
}
